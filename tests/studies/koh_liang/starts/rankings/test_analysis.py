"""Rankings of two starts: agreement by brute force, and a start without a minimum is counted and left out."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import wherefrom as wf
from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.starts.rankings import RANKINGS, experiment
from wherefrom_studies.koh_liang.starts.rankings.analysis import TOP, RankingResults, analyse, measure_agreement, number_names
from wherefrom_studies.koh_liang.starts.rankings.experiment import DEEP, EARLY, MINIMUM, score_starts
from wherefrom_studies.koh_liang.starts.rankings.report import compose


def scores(seed: int, noise: float) -> list[dict[str, float]]:
    same, own = (np.random.default_rng(one).normal(size=(3, 40)) for one in (9, seed))
    values = same + noise * own
    return [{"seed": seed, "query": q, "train": t, "score": values[q, t]} for q in range(3) for t in range(40)]


def lost(seed: int, images: int) -> list[dict[str, float]]:
    return scores(seed, 0.5) if seed != 1 else [{"seed": seed, "query": -1, "train": -1, "score": float("nan")}]


def agree(study: KohLiang) -> RankingResults:
    return analyse(score_starts(study))


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {MINIMUM: lambda seed, _: scores(seed, 0.0), EARLY: lambda seed, _: scores(seed, 0.1), DEEP: lost}
    monkeypatch.setattr(experiment, "CELLS", cells)


@pytest.mark.usefixtures("made_up")
def test_a_start_without_a_minimum_is_counted_and_left_out(tmp_path: Path) -> None:
    results = agree(KohLiang(tmp_path, quick=True, seeds=3))
    value = {name: number.estimate.value for name, number in results.numbers.items()}
    assert value[f"starts/{DEEP}/no minimum"] == 1 and results.numbers[f"starts/{DEEP}/spearman"].seeds == (0, 2)
    at = {name: value[f"starts/{name}/spearman"] or 0 for name in (MINIMUM, EARLY, DEEP)}
    assert at[MINIMUM] == pytest.approx(1) and 1 > at[EARLY] > at[DEEP] > 0.5
    assert value[f"starts/{DEEP}/chance"] == 10 / 40
    assert value.keys() == number_names(KohLiang(tmp_path))
    (table,) = compose(results).tables.values()
    assert table.groupby("model", sort=False).size().to_dict() == {MINIMUM: 3, EARLY: 3, DEEP: 3}


@pytest.mark.usefixtures("made_up")
def test_one_seed_becomes_two_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(experiment.CELLS, DEEP, lambda seed, _: scores(seed, 0.5))
    results = agree(KohLiang(tmp_path, quick=True, seeds=1))
    assert results.numbers[f"starts/{DEEP}/spearman"].seeds == (0, 1)
    monkeypatch.setitem(experiment.CELLS, DEEP, lost)
    with pytest.raises(wf.UsageError, match="more --seeds"):
        agree(KohLiang(tmp_path / "other", quick=True, seeds=1))


def test_agreement_is_over_every_two_starts() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 2, 25))  # starts, queries, images
    scores[2] = -scores[0]
    rows = [{"seed": s, "query": q, "train": t, "score": scores[s, q, t]} for s in range(4) for q in range(2) for t in range(25)]
    failed = {"seed": 9, "query": -1, "train": -1, "score": float("nan")}
    found = measure_agreement(pd.DataFrame([*rows, failed]).sample(frac=1, random_state=0))
    assert found["query"].tolist() == [0, 1] and found["chance"].tolist() == [TOP / 25] * 2
    for q in range(2):
        pairs = list(combinations(range(4), 2))
        ranks = [spearmanr(scores[a, q], scores[b, q]).statistic for a, b in pairs]
        largest = [set(sorted(range(25), key=lambda t: -abs(scores[s, q, t]))[:TOP]) for s in range(4)]
        assert found["spearman"][q] == pytest.approx(np.mean(ranks))
        assert found["shared"][q] == pytest.approx(np.mean([len(largest[a] & largest[b]) / TOP for a, b in pairs]))


def test_one_start_agrees_with_none() -> None:
    rows = [{"seed": 0, "query": 0, "train": t, "score": float(t)} for t in range(20)]
    with pytest.raises(wf.UsageError, match="two to agree"):
        measure_agreement(pd.DataFrame([*rows, {"seed": 1, "query": -1, "train": -1, "score": float("nan")}]))


def test_the_quick_form_tells_starts_apart(run_part: Callable[..., Findings]) -> None:
    found = run_part(RANKINGS, seeds=2)
    agreed = {name: found.value(f"starts/{name}/spearman") or 0 for name in (MINIMUM, EARLY, DEEP)}
    assert agreed[MINIMUM] > 0.9999 > agreed[EARLY] > 0.9 > 0.85 > agreed[DEEP] > 0.3
    assert found.value(f"starts/{MINIMUM}/shared") == 1 and (found.value(f"starts/{DEEP}/shared") or 1) < 1
