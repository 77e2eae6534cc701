"""The quick form on numbers: chance is chance, ceilings hold, defects are what they are called, and every sentence has its number."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies import Findings
from wherefrom_studies.titanic import Titanic


@pytest.fixture(scope="module")
def quick(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return Titanic(tmp_path_factory.mktemp("titanic"), quick=True, seeds=2).run()


def test_what_is_known_beforehand_comes_out(quick: Findings) -> None:
    value = quick.value
    assert abs(value("MLP, batches of 32/agreement/influence, last layer and random/kendall") or 1) < 0.02
    assert abs(value("MLP, batches of 32/stability/random/nogueira") or 1) < 0.05
    assert value("defects/copies: r with gradient dot") == pytest.approx(1.0, abs=1e-9)
    assert value("defects/k = n: Jaccard of random lists") == 1.0
    assert 0.0 <= (value("defects/positional: rows meant") or 0) < 0.01
    assert 0.7 < (value("MLP, batches of 32/accuracy") or 0) < 0.9
    assert [bar.number for bar in quick.bars] == [
        "MLP, batches of 32/agreement/influence, last layer and random/kendall", "defects/copies: r with gradient dot",
        "defects/positional: rows meant",
    ]  # fmt: skip


def test_methods_disagree_beyond_their_own_noise_and_damping_steadies(quick: Findings) -> None:
    pair = quick.numbers["MLP, batches of 32/agreement/influence, last layer and TracIn, last layer/kendall"].estimate
    assert pair.value is not None and pair.ceiling is not None and 0.2 < pair.value < pair.ceiling
    steady = [quick.value(f"MLP, batches of 32/stability/influence, last layer{name}/kendall") or 0 for name in ("", ", undamped")]
    assert steady[0] > steady[1] + 0.1


def test_every_claim_row_and_recommendation_has_a_verdict_with_numbers(quick: Findings) -> None:
    table = quick.tables["Verdicts"]
    assert table["kind"].value_counts().to_dict() == {"claim": 5, "recommendation": 5, "trade-off": 4}
    assert table["evidence"].str.contains(r"\d").all() and not table["evidence"].str.contains("{", regex=False).any()
    assert len(quick.texts()) == 14 + 7 + 4


def test_tables_hold_every_setting(quick: Findings) -> None:
    settings = {"MLP, batches of 32", "MLP, batches of 4", "logistic, batches of 32"}
    assert set(quick.tables["Stability over seeds"]["setting"]) == set(quick.tables["Cost of one network's scores"]["setting"]) == settings
    left = quick.tables["Left out, mean changes"]
    assert set(left["removed"]) == {1, 5, 50, 200} and set(left["setting"]) == settings - {"logistic, batches of 32"}


@pytest.mark.parametrize("form", [False, True])
def test_sentences_and_bars_name_numbers_that_the_form_has(form: bool, tmp_path: Path) -> None:
    outline = Titanic(tmp_path, quick=form).check()
    assert len(outline.findings) == 14 + 7 + 4 and len(outline.originals) == 5 and len(outline.replaced) == 2


def test_a_persons_table_is_in_place_of_nothing(tmp_path: Path) -> None:
    pd.DataFrame({"x": [(7 * row) % 31 for row in range(400)], "y": ["no", "yes"] * 200}).to_csv(tmp_path / "t.csv", index=False)
    outline = Titanic(tmp_path, data=tmp_path / "t.csv", target="y").check()
    assert len(outline.findings) == 14 + 7 + 4 and not outline.replaced


def test_a_run_has_the_numbers_that_its_form_names(quick: Findings, tmp_path: Path) -> None:
    assert set(quick.numbers) == Titanic(tmp_path, quick=True).number_names()
