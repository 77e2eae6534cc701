"""A network at a minimum: leverage puts first order right, and a seed that comes to no minimum is told and counted, not averaged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.cnn import CNN
from wherefrom_studies.koh_liang.cnn.analysis import analyse, number_names, seed_numbers
from wherefrom_studies.koh_liang.cnn.experiment import DAMPED, EXACT, FORMS, LEVERAGE, NetworkChanges, decays_of, predict_changes


@pytest.fixture
def table() -> pd.DataFrame:
    """Two seeds, two queries each: the exact form is twice the truth, and leverage is the truth for seed 0 alone."""
    random, rows = np.random.default_rng(0), []
    for seed, query, left in ((seed, query, left) for seed in (0, 1) for query in (0, 1) for left in range(8)):
        actual = float(random.normal())
        found = {EXACT: 2 * actual, LEVERAGE: actual if seed == 0 else -actual, DAMPED: actual / 2 + 1}
        kind = "top" if left < 4 else "random"
        rows.append(
            {"seed": seed, "accuracy": 0.5 + seed / 10, "why not": "", "query": query, "left out": left, "kind": kind, "actual": actual, **found}
        )
    return pd.DataFrame(rows)


def test_numbers_are_medians_over_seeds(table: pd.DataFrame) -> None:
    found = {name: number.estimate.value for name, number in seed_numbers("n", table).items()}
    assert found["n/accuracy"] == pytest.approx(0.55) and found["n/no minimum"] == 0
    assert {form: found[f"n/{form}/slope"] for form in FORMS} == pytest.approx({EXACT: 2, LEVERAGE: 0, DAMPED: 0.5})
    assert {form: found[f"n/{form}/pearson, random images"] for form in FORMS} == pytest.approx({EXACT: 1, LEVERAGE: 0, DAMPED: 1})


def test_a_seed_without_a_minimum_says_why_and_is_counted(data_folder: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    monkeypatch.setattr("wherefrom_studies.minimum.MOST", 3)
    (row,) = predict_changes(7, 0.01, 30, 1, 1, 1)
    assert row["seed"] == 7 and row["why not"].startswith("Training ")
    found = seed_numbers("n", pd.concat([table, pd.DataFrame([row])], ignore_index=True))
    assert found["n/no minimum"].estimate.value == 1 and found[f"n/{EXACT}/slope"].seeds == (0, 1)
    none = seed_numbers("n", pd.DataFrame([row]))
    assert none.keys() == found.keys() and none["n/no minimum"].estimate.value == 1 and none["n/accuracy"].estimate.value is None


def test_leverage_puts_the_slope_right(run_part: Callable[..., Findings]) -> None:
    found = run_part(CNN, seeds=1)
    slope, r = ({form: found.value(f"cnn/0.01/{form}/{what}") or 0 for form in FORMS} for what in ("slope", "pearson"))
    assert abs(slope[LEVERAGE] - 1) < 0.1 < 0.5 < abs(slope[EXACT] - 1) < abs(slope[DAMPED] - 1)
    assert min(r.values()) > 0.9 and r[LEVERAGE] > 0.99 and found.value("cnn/0.01/no minimum") == 0
    (table,) = found.tables.values()
    assert table.groupby("query").size().between(5, 10).all() and table["query"].min() >= 200
    top = table[table["kind"] == "top"]
    assert (np.sign(top["actual"]) == np.sign(top[EXACT])).all()


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, table: pd.DataFrame, tmp_path: Path) -> None:
    study = KohLiang(tmp_path, quick)
    rows = pd.concat([table.assign(decay=decay) for decay in decays_of(study)])
    assert analyse(NetworkChanges(rows, 200)).numbers.keys() == number_names(study)
