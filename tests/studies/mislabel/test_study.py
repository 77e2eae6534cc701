"""The quick form on numbers, a table of one's own, and what is said of rankings by their means and paired differences."""

from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest

import wherefrom as wf
from wherefrom_studies import Findings
from wherefrom_studies.mislabel import Mislabel
from wherefrom_studies.mislabel.looking import POINTS
from wherefrom_studies.mislabel.rankings import RANDOM, RANKINGS
from wherefrom_studies.mislabel.study import COLUMNS, best, findings, numbers, side_by_side, summed


@pytest.fixture(scope="module")
def quick(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return Mislabel(tmp_path_factory.mktemp("mislabel"), quick=True, seeds=1).run()


def made_up(lifts: dict[str, float], seeds: int = 5) -> pd.DataFrame:
    """Rankings about as good as the loss, seed by seed, but for a lift."""
    rows = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        base = random.uniform(0.6, 0.8)
        for place, ranking in enumerate(RANKINGS):
            auc = base + lifts.get(ranking, 0.0) + (0.0 if ranking == "loss" else random.normal() / 1000)
            others = dict.fromkeys(COLUMNS, 0.5) | {"auc": auc, "seconds": float(place)}
            rows.append({"ranking": ranking, "seed": seed, "accuracy": 0.9, **others, "curve": np.linspace(0, 1, POINTS).tolist()})
    return pd.DataFrame(rows)


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


def test_a_lead_over_the_loss_is_taken_seed_by_seed() -> None:
    table = made_up({"TracIn": 0.02})
    found = numbers("t", table)
    lead, auc = found["t/TracIn/auc less the loss's"].estimate, found["t/TracIn/auc"].estimate
    by_seed = table.pivot(index="seed", columns="ranking", values="auc")
    assert lead.value == pytest.approx((by_seed["TracIn"] - by_seed["loss"]).mean()) and auc.value == pytest.approx(by_seed["TracIn"].mean())
    assert lead.low is not None and lead.high is not None and auc.low is not None and auc.high is not None
    assert lead.low > 0.015 and lead.high - lead.low < (auc.high - auc.low) / 10, "what seeds share is not in the difference"
    assert "t/loss/auc less the loss's" not in found and f"t/{RANDOM}/auc less the loss's" not in found
    assert found["t/TracIn/seconds"].estimate.value == list(RANKINGS).index("TracIn")


@pytest.mark.parametrize(
    ("lifts", "first", "said"),
    [
        ({"TracIn": 0.02}, "TracIn", "TracIn is surely ahead of it"),
        ({"margin": 0.03, "TRAK": 0.02}, "margin", "TRAK, margin are surely ahead of it"),
        ({name: -0.1 for name in RANKINGS if name != "loss"}, "loss", "no method is surely ahead of it"),
    ],
)
def test_sentences_name_the_best_and_what_is_ahead_of_the_loss(lifts: dict[str, float], first: str, said: str) -> None:
    level = {name: -0.05 for name in RANKINGS if name != "loss"}
    found = numbers("t", made_up(level | lifts))
    assert best("t", found) == first and summed("t", found)["ranking"].iloc[0] == first
    sentence, _ = findings("t", found)
    assert sentence.startswith(f"t: {first} has the highest AUC") and sentence.endswith(f", and {said}.")


def test_rows_of_a_chart_stand_by_the_mean_of_all_sets() -> None:
    tables = {"one": made_up({"TracIn": 0.1}), "two": made_up({"margin": 0.3})}
    chart = side_by_side(tables, "auc", "AUC")
    assert isinstance(chart, alt.LayerChart)
    rows = next(iter(chart.to_dict()["datasets"].values()))
    assert [row["ranking"] for row in rows[:4]] == ["margin", "margin", "TracIn", "TracIn"] and [row["series"] for row in rows[:2]] == ["one", "two"]
    assert rows[1]["value"] == pytest.approx(tables["two"].query("ranking == 'margin'")["auc"].mean())
