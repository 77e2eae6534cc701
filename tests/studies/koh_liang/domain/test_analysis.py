"""Of the domain mismatch: how often the planted rows come first and by how much, by hand; a person's table has numbers and a sentence of its own."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.domain.analysis import analyse, number_names
from wherefrom_studies.koh_liang.domain.report import compose


def table(fifth: dict[int, float]) -> pd.DataFrame:
    """Ten rows for each seed, the fourth of size 10; in seed 1 the fourth is not planted."""
    rows = []
    for seed, size in fifth.items():
        for rank, score in enumerate((-40.0, 30.0, 20.0, -10.0, size, *[0.1] * 5), 1):
            planted = rank <= (3 if seed == 1 else 4)
            rows.append({"seed": seed, "rank": rank, "score": score, "planted": planted, "coefficients before the group's": 10 + seed})
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_numbers_are_those_of_every_seed(tmp_path: Path) -> None:
    results = analyse({"hospital": table({0: 1.0, 1: -2.0, 2: 5.0}), "titanic": table({0: 1.0})})
    assert results.numbers.keys() == number_names(KohLiang(tmp_path)) == number_names(KohLiang(tmp_path, quick=True))
    value = {name: number.estimate.value for name, number in results.numbers.items()}
    assert value["mismatch/hospital/first four"] == pytest.approx(2 / 3) and value["mismatch/titanic/first four"] == 1
    assert (
        value["mismatch/hospital/ratio"] == 5 and value["mismatch/hospital/least ratio"] == 2 and value["mismatch/hospital/coefficients before"] == 11
    )
    assert compose(results).tables.keys() == {"mismatch, hospital", "mismatch, titanic"}


def test_a_persons_table_is_told_of_where_it_was_given(tmp_path: Path) -> None:
    frame = pd.DataFrame({"town": ["a"] * 60 + ["b"] * 10, "x": range(70), "y": ["no", "yes"] * 35})
    frame.to_csv(tmp_path / "t.csv", index=False)
    study = KohLiang(tmp_path, data=tmp_path / "t.csv", target="y")
    assert "mismatch/own/ratio" in number_names(study)
    own = [sentence for sentence in study.check().findings if "mismatch/own" in sentence]
    assert own == ["In the table that was given, the fourth planted row has {mismatch/own/ratio} times the influence of the fifth row."]
