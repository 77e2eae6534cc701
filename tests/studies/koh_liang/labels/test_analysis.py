"""Of labels: means over seeds at the shares that are told, and the lead of influence over loss."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.labels.analysis import PUBLISHED, analyse, number_names
from wherefrom_studies.koh_liang.labels.experiment import CHECKED, FORMS, RANKINGS


def table() -> pd.DataFrame:
    """Two seeds: influence finds 0.5 and 0.7 of the labels in the first tenth, loss 0.1 less, chance what it looks at."""
    rows = []
    for form, seed in ((form, seed) for form in FORMS for seed in range(2)):
        ends = {"none": 0.8, "all right": 0.95}
        rows += [{"words": form, "seed": seed, "ranking": name, "checked": 0.0, "fixed": 0.0, "accuracy": value} for name, value in ends.items()]
        for ranking, share in ((ranking, share) for ranking in RANKINGS for share in CHECKED):
            found = {"influence": 0.4 + 0.2 * seed + share, "loss": 0.3 + 0.2 * seed + share, "random": share}[ranking]
            rows.append({"words": form, "seed": seed, "ranking": ranking, "checked": share, "fixed": found, "accuracy": 0.9})
    return pd.DataFrame(rows)


def test_numbers_are_means_over_seeds(tmp_path: Path) -> None:
    results = analyse(table())
    assert results.numbers.keys() == number_names(KohLiang(tmp_path)) == number_names(KohLiang(tmp_path, quick=True))
    value = {name.removeprefix("labels/counts/"): number.estimate.value for name, number in results.numbers.items() if "counts" in name}
    assert value["influence/fixed at 10 %"] == pytest.approx(0.6) and value["random/fixed at 30 %"] == pytest.approx(0.3)
    assert value["lead over loss at 10 %"] == pytest.approx(0.1) and value["accuracy flipped"] == pytest.approx(0.8)
    assert results.numbers["labels/counts/influence/fixed at 10 %"].original == PUBLISHED["fixed"][0.10]
    assert results.numbers["labels/counts/loss/fixed at 10 %"].original is None


def test_means_are_of_every_share_looked_at() -> None:
    means = analyse(table()).means
    assert len(means) == len(FORMS) * len(RANKINGS) * len(CHECKED) * len(PUBLISHED) and set(means["checked"]) == {5, 10, 15, 20, 25, 30}
