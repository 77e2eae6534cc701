"""Starts as a whole: means, extremes and medians of made-up scores by hand, and the quick form's numbers keep their order."""

from pathlib import Path

import numpy as np
import pytest

import wherefrom as wf
from wherefrom_studies.koh_liang import KohLiang, starts
from wherefrom_studies.koh_liang.starts_ranked import DEEP, EARLY, MINIMUM


def scores(seed: int, noise: float) -> list[dict[str, float]]:
    same, own = (np.random.default_rng(one).normal(size=(3, 40)) for one in (9, seed))
    values = same + noise * own
    return [{"seed": seed, "query": q, "train": t, "score": values[q, t]} for q in range(3) for t in range(40)]


def lost(seed: int, images: int) -> list[dict[str, float]]:
    return scores(seed, 0.5) if seed != 1 else [{"seed": seed, "query": -1, "train": -1, "score": float("nan")}]


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {MINIMUM: lambda seed, _: scores(seed, 0.0), EARLY: lambda seed, _: scores(seed, 0.1), DEEP: lost}
    monkeypatch.setattr(starts, "CELLS", cells)


@pytest.mark.usefixtures("made_up")
def test_a_start_without_a_minimum_is_counted_and_left_out(tmp_path: Path) -> None:
    found = starts.ranked(KohLiang(tmp_path, quick=True, seeds=3))
    assert found.value(f"starts/{DEEP}/no minimum") == 1 and found.numbers[f"starts/{DEEP}/spearman"].seeds == (0, 2)
    at = {name: found.value(f"starts/{name}/spearman") or 0 for name in (MINIMUM, EARLY, DEEP)}
    assert at[MINIMUM] == pytest.approx(1) and 1 > at[EARLY] > at[DEEP] > 0.5
    assert found.value(f"starts/{DEEP}/chance") == 10 / 40


@pytest.mark.usefixtures("made_up")
def test_one_seed_becomes_two_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(starts.CELLS, DEEP, lambda seed, _: scores(seed, 0.5))
    found = starts.ranked(KohLiang(tmp_path, quick=True, seeds=1))
    assert found.numbers[f"starts/{DEEP}/spearman"].seeds == (0, 1)
    monkeypatch.setitem(starts.CELLS, DEEP, lost)
    with pytest.raises(wf.UsageError, match="more --seeds"):
        starts.ranked(KohLiang(tmp_path / "other", quick=True, seeds=1))


def test_a_spread_is_the_mean_the_least_and_the_most() -> None:
    found = starts.spread("a", iter([0.2, 0.6, 0.4]), iter([3, 4, 5]))
    assert {name: number.estimate.value for name, number in found.items()} == pytest.approx({"a": 0.4, "a, least": 0.2, "a, most": 0.6})
    assert all(number.seeds == (3, 4, 5) for number in found.values())
    low, high = found["a"].estimate.low, found["a"].estimate.high
    assert low == 0 and high == pytest.approx(0.4 + 4.302653 * 0.2 / 3**0.5)


def test_the_quick_form_tells_starts_apart(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    found = starts.starts(KohLiang(tmp_path, quick=True, seeds=2))
    agreed = {name: found.value(f"starts/{name}/spearman") or 0 for name in (MINIMUM, EARLY, DEEP)}
    assert agreed[MINIMUM] > 0.9999 > agreed[EARLY] > 0.9 > 0.85 > agreed[DEEP] > 0.3
    assert found.value(f"starts/{MINIMUM}/shared") == 1 and (found.value(f"starts/{DEEP}/shared") or 1) < 1
    for ranking in ("influence", "loss"):
        for what in ("start", "flips"):
            least, mean, most = (found.value(f"starts/labels/{ranking}/by {what}{tail}") or 0 for tail in (", least", "", ", most"))
            assert 0.4 < least <= mean <= most < 1
    labels = found.tables["starts, labels found by a network"]
    assert sorted(set(zip(labels["start"], labels["flips"], strict=True))) == [(0, 0), (0, 1), (1, 0)]
    assert (found.value("starts/attack/flipped with 1") or 0) > 0.7 and found.tables["starts, attack on the last layer"]["gain"].min() > 0
