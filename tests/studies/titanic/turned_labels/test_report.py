"""The chart has every ranking and length."""

from wherefrom_studies.titanic.turned_labels.analysis import TurnedLabelResults
from wherefrom_studies.titanic.turned_labels.experiment import TOPS
from wherefrom_studies.titanic.turned_labels.report import compose, shares


def test_turned_labels_are_shown_for_every_ranking_and_length(turned_label_results: TurnedLabelResults) -> None:
    frame, table = shares(turned_label_results.numbers), turned_label_results.tables
    assert len(frame) == table["ranking"].nunique() * len(TOPS) and set(frame["first"]) == {f"first {length}" for length in TOPS}
    row = frame[(frame["series"] == "loss") & (frame["first"] == "first 10")].iloc[0]
    assert row["value"] == turned_label_results.numbers["turned labels/loss/10/found"].estimate.value
    charts = compose(turned_label_results).figures
    assert set(charts) == {"turned labels"} and len(charts["turned labels"].caption) > 40
