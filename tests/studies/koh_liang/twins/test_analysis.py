"""Of two models: means over queries and seeds of a made-up table by hand."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.twins.analysis import HELPFUL, analyse, number_names
from wherefrom_studies.koh_liang.twins.experiment import NETWORK, RBF
from wherefrom_studies.koh_liang.twins.report import compose


@pytest.fixture
def scores() -> pd.DataFrame:
    """Forty images, every second of the query's class: in the kernel machine the nearer helps more, in the network the farther."""
    rows = []
    for seed, model, query, key in ((s, m, q, k) for s in range(2) for m in (RBF, NETWORK) for q in range(2) for k in range(40)):
        score = 40.0 - key if model == RBF else 1.0 + key
        row = {"seed": seed, "model": model, "accuracy": 0.8 + 0.1 * seed, "query": query, "train": key}
        rows.append({**row, "alike": key % 2 == 0, "distance": float(key), "score": score})
    return pd.DataFrame(rows)


def test_numbers_are_means_over_seeds(scores: pd.DataFrame, tmp_path: Path) -> None:
    results = analyse(scores)
    assert results.numbers.keys() == number_names(KohLiang(tmp_path)) and HELPFUL == 20
    value = {name.removeprefix("twins/"): number.estimate.value for name, number in results.numbers.items()}
    assert value[f"{RBF}/accuracy"] == pytest.approx(0.85)
    assert [value[f"{model}/rank correlation with nearness"] for model in (RBF, NETWORK)] == pytest.approx([1, -1])
    assert [value[f"{model}/nearest among the first"] for model in (RBF, NETWORK)] == [1, 0]
    assert value[f"{RBF}/other class among the first"] == 0.5 and value[f"{NETWORK}/other class that helps"] == 1


def test_the_figure_is_of_one_test_image(scores: pd.DataFrame) -> None:
    report = compose(analyse(scores))
    panels = report.figures["twins"].chart.to_dict()["datasets"].values()
    assert {len(rows) for rows in panels} == {40} and len(report.tables["twins, each seed"]) == 4
