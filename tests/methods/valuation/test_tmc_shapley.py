"""Data Shapley: the axioms, the enumeration of all subsets, and what stops it."""

from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import parallel_config

import wherefrom as wf


def game(ids: np.ndarray) -> float:
    """Not additive; 3 and 4 play alike, 9 adds nothing, and none are worth 0.2."""
    members = set(ids.tolist())
    pair = 0.7 if {0, 1} <= members else 0.0
    return 0.2 + pair + 0.1 * len(members - {9}) ** 0.5 - 0.3 * (2 in members) + 0.05 * len(members & {3, 4}) ** 2


def enumerated(n: int) -> np.ndarray:
    values = np.zeros(n)
    for i in range(n):
        others = np.delete(np.arange(n), i)
        for size in range(n):
            for chosen in combinations(others.tolist(), size):
                without = np.array(chosen, dtype=np.int64)
                values[i] += (game(np.sort(np.append(without, i))) - game(without)) / (n * comb(n - 1, size))
    return values


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return enumerated(10)


@pytest.mark.parametrize("antithetic", [False, True])
def test_within_three_standard_errors_of_the_enumeration(exact: np.ndarray, antithetic: bool) -> None:
    found = wf.methods.tmc_shapley(game, 10, tolerance=0, truncation=0, max_permutations=5000, antithetic=antithetic)
    assert found.permutations == 5000 and not found.converged and found.evaluations == 5000 * 9 + 2
    errors = found.standard_errors.numpy()
    assert (np.abs(found.values.numpy() - exact) <= 3 * errors + 1e-12).all() and errors.max() < 0.01
    assert float(found.values.sum()) == pytest.approx(game(np.arange(10)) - game(np.arange(0)), abs=1e-10)


def test_axioms() -> None:
    assert np.isclose(enumerated(10)[9], 0)
    found = wf.methods.tmc_shapley(game, 10, tolerance=0, truncation=0, max_permutations=400)
    assert abs(found.values[9]) < 1e-15 and found.standard_errors[9] < 1e-15  # null
    assert abs(found.values[3] - found.values[4]) <= 3 * found.standard_errors[3:5].sum()  # symmetry

    def doubled(ids: np.ndarray) -> float:
        return 2 * game(ids) + 5

    twice = wf.methods.tmc_shapley(doubled, 10, tolerance=0, truncation=0, max_permutations=400)
    torch.testing.assert_close(twice.values, 2 * found.values)  # linearity; a constant changes nothing


def test_standard_errors_are_the_spread_over_runs(exact: np.ndarray) -> None:
    runs = [wf.methods.tmc_shapley(game, 10, tolerance=0, truncation=0, max_permutations=20, seed=seed, progress=False) for seed in range(100)]
    spread = torch.stack([run.values for run in runs]).std(0)
    told = torch.stack([run.standard_errors for run in runs]).square().mean(0).sqrt()
    torch.testing.assert_close(told[:3], spread[:3], rtol=0.3, atol=0)


def test_stops_once_the_standard_errors_are_small() -> None:
    absolute = wf.methods.tmc_shapley(game, 10, tolerance=0.02, relative=False, truncation=0)
    assert absolute.converged and absolute.permutations < 1000 and absolute.permutations % 20 == 0
    assert float(absolute.standard_errors.max()) <= 0.02
    relative = wf.methods.tmc_shapley(game, 10, tolerance=0.2, truncation=0)
    assert relative.converged and float(relative.standard_errors.max()) <= 0.2 * float(relative.values.std(correction=0))

    def large(ids: np.ndarray) -> float:
        return 1000 * game(ids)

    scaled = wf.methods.tmc_shapley(large, 10, tolerance=0.2, truncation=0)
    assert scaled.permutations == relative.permutations


def test_truncation_saves_utilities_and_costs_little(exact: np.ndarray) -> None:
    asked: list[int] = []

    def saturating(ids: np.ndarray) -> float:
        asked.append(len(ids))
        return 1.0 - 0.5 ** len(ids)

    found = wf.methods.tmc_shapley(saturating, 30, tolerance=0, max_permutations=200)
    assert found.evaluations == len(asked) < 200 * 15 and max(asked[2:]) == 12  # 0.5**7 < 0.01, and six such in a row
    assert float(found.values.sum()) == pytest.approx(1.0, abs=0.01)
    plateau = wf.methods.tmc_shapley(lambda ids: float(len(ids) >= 25), 30, tolerance=0, truncation=0, max_permutations=20)
    assert float(plateau.values.sum()) == pytest.approx(1.0, abs=1e-12)


def test_the_number_of_jobs_changes_nothing() -> None:
    one = wf.methods.tmc_shapley(game, 10, max_permutations=50, seed=3)
    with parallel_config(backend="threading"):
        two = wf.methods.tmc_shapley(game, 10, max_permutations=50, seed=3, jobs=2)
    assert torch.equal(one.values, two.values) and torch.equal(one.standard_errors, two.standard_errors)
    assert not torch.equal(one.values, wf.methods.tmc_shapley(game, 10, max_permutations=50, seed=4).values)


def test_a_killed_run_goes_on_and_more_permutations_can_be_asked_for(tmp_path: Path) -> None:
    calls = 0

    def fragile(ids: np.ndarray) -> float:
        nonlocal calls
        calls += 1
        if calls == 200:
            raise KeyboardInterrupt
        return game(ids)

    file, settings = tmp_path / "values.safetensors", {"tolerance": 0, "truncation": 0}
    with pytest.raises(KeyboardInterrupt):
        wf.methods.tmc_shapley(fragile, 10, max_permutations=40, out=file, **settings)  # type: ignore[arg-type]
    first = wf.methods.tmc_shapley(fragile, 10, max_permutations=40, out=file, **settings)  # type: ignore[arg-type]
    plain = wf.methods.tmc_shapley(game, 10, max_permutations=40, **settings)  # type: ignore[arg-type]
    assert torch.equal(first.values, plain.values) and first.evaluations == plain.evaluations
    assert calls <= 40 * 9 + 4 + 9  # the order that was cut short is all that was lost
    before = calls
    again = wf.methods.tmc_shapley(fragile, 10, max_permutations=60, out=file, **settings)  # type: ignore[arg-type]
    assert calls - before == 20 * 9 + 2
    assert torch.equal(again.values, wf.methods.tmc_shapley(game, 10, max_permutations=60, **settings).values)  # type: ignore[arg-type]
    other = wf.methods.tmc_shapley(fragile, 10, max_permutations=40, out=file, seed=1, **settings)  # type: ignore[arg-type]
    assert torch.equal(other.values, wf.methods.tmc_shapley(game, 10, max_permutations=40, seed=1, **settings).values)  # type: ignore[arg-type]


def test_leave_one_out_is_the_gain_of_the_last() -> None:
    everyone = np.arange(10)
    with parallel_config(backend="threading"):
        found = wf.methods.loo_values(game, everyone, jobs=2)
    expected = [game(everyone) - game(np.delete(everyone, i)) for i in range(10)]
    assert found.values.tolist() == expected and found.evaluations == 12 and found.converged
    frame = found.to_pandas()
    assert list(frame) == ["id", "value", "standard_error"] and frame["value"].tolist() == expected


def test_ids_may_be_texts_and_reach_the_utility_in_the_order_of_the_data() -> None:
    names = np.array(["d", "a", "c", "b"])

    def ordered(ids: np.ndarray) -> float:
        places = [names.tolist().index(name) for name in ids.tolist()]
        assert places == sorted(places)
        return float("a" in ids)

    found = wf.methods.tmc_shapley(ordered, names, tolerance=0, truncation=0, max_permutations=2)
    assert found.values.tolist() == [0, 1, 0, 0] and found.ids.tolist() == names.tolist()
    alone = wf.methods.tmc_shapley(lambda ids: float(len(ids)), 1)
    assert alone.values.tolist() == [1.0] and alone.converged and alone.permutations == 20


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="utility of 0 ids is nan"):
        wf.methods.tmc_shapley(lambda ids: float("nan") if len(ids) == 0 else 1.0, 3)
    with pytest.raises(wf.UsageError, match="utility of 2 ids is inf"):
        wf.methods.loo_values(lambda ids: float("inf") if len(ids) == 2 else 1.0, 3)
    with pytest.raises(wf.UsageError, match="at least one id"):
        wf.methods.tmc_shapley(game, [])
    with pytest.raises(wf.UsageError, match="each id once"):
        wf.methods.tmc_shapley(game, [1, 1])
    for settings in ({"tolerance": -1.0}, {"truncation": float("nan")}, {"max_permutations": 1}, {"max_permutations": 3, "antithetic": True}):
        with pytest.raises(wf.UsageError, match="tolerance"):
            wf.methods.tmc_shapley(game, 4, **settings)  # type: ignore[arg-type]
