"""The quick form on numbers, a table of one's own, and what is said of rankings by their means and paired differences."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import wherefrom as wf
from wherefrom_studies import Findings
from wherefrom_studies.mislabel import Mislabel
from wherefrom_studies.mislabel.inspection.analysis import by_auc, mean_numbers
from wherefrom_studies.mislabel.inspection.report import means_table
from wherefrom_studies.mislabel.rankings import RANKINGS


@pytest.fixture(scope="module")
def quick(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return Mislabel(tmp_path_factory.mktemp("mislabel"), quick=True, seeds=1).run()


def test_the_quick_form_finds_what_it_should(quick: Findings) -> None:
    value = quick.value
    assert (value("MNIST/loss/auc") or 0) > 0.9 and (value("MNIST/accuracy") or 0) > 0.5
    for name in ("influence, EK-FAC", "influence, K-FAC", "influence, Arnoldi", "TracIn", "TRAK", "KNN-Shapley", "mean loss", "margin"):
        assert (value(f"MNIST/{name}/auc") or 0) > 0.8 and (value(f"MNIST/{name}/ap") or 0) > 0.4, name
    for data in ("MNIST", "CIFAR-10"):
        assert abs((value(f"{data}/random/auc") or 0) - 0.5) < 0.2, "three standard deviations of 20 among 200"
        assert (value(f"{data}/loss/auc") or 0) > 0.55
    assert (value("held-out/self-influence, AUC") or 0) > 0.85


def test_the_quick_form_tells_everything(quick: Findings) -> None:
    each = quick.tables["MNIST, each seed"]
    assert each["ranking"].tolist() == list(RANKINGS) and len(quick.tables["CIFAR-10, means over seeds"]) == len(RANKINGS)
    for row in each.to_dict("records"):
        assert quick.value(f"MNIST/{row['ranking']}/auc") == pytest.approx(row["auc"])
    assert len(quick.sentences) == 2 * 2 + 1 and not any("{" in sentence for sentence in quick.texts())
    kinds = ("wrong predictions", "methods, image 0")
    assert set(quick.figures) == {"gains", "auc", "cost"} | {f"{data}, {kind}" for data in ("MNIST", "CIFAR-10") for kind in kinds}
    assert [bar.number for bar in quick.bars] == ["held-out/self-influence, AUC"] and quick.replaced


def test_a_table_of_ones_own_is_studied_whole(table: Path, tmp_path: Path) -> None:
    found = Mislabel(tmp_path, quick=True, seeds=2, data=table, target="y").run()
    assert (found.value("t/loss/auc") or 0) > 0.75 and set(found.figures) == {"gains", "auc", "cost"} and not found.bars
    assert all(number.seeds == (0, 1) for number in found.numbers.values())


def test_tables_that_cannot_be_asked_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": np.arange(60.0) ** 2, "y": ["a", "b"] * 30}).to_csv(path, index=False)
    with pytest.raises(wf.UsageError, match="too few"):
        Mislabel(tmp_path, data=path, target="y")
    with pytest.raises(wf.UsageError, match="needs --target"):
        Mislabel(tmp_path, data=path)


@pytest.mark.parametrize(
    ("lifts", "first", "said"),
    [
        ({"TracIn": 0.02}, "TracIn", "TracIn is surely ahead of it"),
        ({"margin": 0.03, "TRAK": 0.02}, "margin", "TRAK, margin are surely ahead of it"),
        ({name: -0.1 for name in RANKINGS if name != "loss"}, "loss", "no method is surely ahead of it"),
    ],
)
def test_sentences_name_the_best_and_what_is_ahead_of_the_loss(
    lifts: dict[str, float], first: str, said: str, made_up: Callable[[dict[str, float]], pd.DataFrame], table: Path, tmp_path: Path
) -> None:
    level = {name: -0.05 for name in RANKINGS if name != "loss"}
    found = mean_numbers("t", made_up(level | lifts))
    assert by_auc("t", found)[0] == first and means_table("t", found)["ranking"].iloc[0] == first
    sentence, _ = Mislabel(tmp_path, data=table, target="y").sentences(found).findings
    assert sentence.startswith(f"t: {first} has the highest AUC") and sentence.endswith(f", and {said}.")


@pytest.mark.parametrize("quick", [False, True])
def test_sentences_and_bars_name_numbers_that_the_form_has(quick: bool, table: Path, tmp_path: Path) -> None:
    outline, own = Mislabel(tmp_path, quick).check(), Mislabel(tmp_path, quick, data=table, target="y").check()
    assert (len(outline.findings), len(outline.originals), len(outline.replaced)) == (5, 3, 2)
    assert (len(own.findings), len(own.originals), len(own.replaced)) == (2, 3, 0)
