"""Agreement of top-k lists: reference vectors, brute force over all definitions, chance by hypergeometry and by random lists, degenerate cases."""

from collections.abc import Callable
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

import wherefrom as wf

SETS = [wf.metrics.overlap, wf.metrics.kuncheva, wf.metrics.jaccard]
LISTS = [*SETS, wf.metrics.fagin, wf.metrics.rbo]
ABC = {name: list(name) for name in ("abc", "def", "bad", "cba", "abcde", "badfg")}


def brute_fagin(a: list, b: list, p: float) -> float:
    """Case by case over the pairs of the union, as Fagin, Kumar and Sivakumar number them."""
    place_a, place_b, total = {x: i for i, x in enumerate(a)}, {x: i for i, x in enumerate(b)}, 0.0
    for i, j in combinations(sorted(set(a) | set(b)), 2):
        in_a, in_b = (i in place_a) + (j in place_a), (i in place_b) + (j in place_b)
        if in_a == in_b == 2:
            total += (place_a[i] < place_a[j]) != (place_b[i] < place_b[j])
        elif {in_a, in_b} == {1, 2}:
            full, part = (place_a, place_b) if in_a == 2 else (place_b, place_a)
            listed, absent = (i, j) if i in part else (j, i)
            total += full[absent] < full[listed]
        elif in_a == in_b == 1:
            total += 1
        else:
            total += p
    k = len(a)
    return total / (k * k + p * k * (k - 1))


def brute_rbo(a: list, b: list, p: float) -> float:
    """The sum to infinity, with the last agreement held: what extrapolation means."""
    k = len(a)
    agreement = [len(set(a[:d]) & set(b[:d])) / d for d in range(1, k + 1)]
    return (1 - p) * sum(p ** (d - 1) * agreement[min(d, k) - 1] for d in range(1, 4000))


def lists_of(n: int, k: int, q: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.stack([random.permutation(n)[:k] for _ in range(q)])


def test_reference_vectors() -> None:
    assert wf.metrics.rbo(ABC["abcde"], ABC["badfg"], p=0.9).value == pytest.approx(0.592335, abs=5e-7)
    assert wf.metrics.rbo(np.arange(20), np.arange(20)[::-1], p=0.9).value == pytest.approx(0.254442, abs=5e-7)
    assert wf.metrics.rbo(np.arange(20), np.arange(20)).value == pytest.approx(1, abs=1e-12)
    for pair, lenient, neutral in (("abc", 0, 0), ("def", 1, 1), ("bad", 2 / 9, 1 / 6), ("cba", 1 / 3, 1 / 4)):
        assert wf.metrics.fagin(ABC["abc"], ABC[pair], p=0).value == pytest.approx(lenient, abs=1e-12)
        assert wf.metrics.fagin(ABC["abc"], ABC[pair], p=0.5).value == pytest.approx(neutral, abs=1e-12)


def test_the_chance_of_fifty_of_711() -> None:
    """The figures that a published comparison of rankings lacked: one common example of 50 is what chance gives one time in nine."""
    chance = wf.metrics.list_chance(711, 50)
    assert chance.mean == pytest.approx(3.516, abs=5e-4) and (chance.low, chance.high) == (1, 7)
    assert chance.at_most(1) == pytest.approx(0.116, abs=5e-4) and chance.at_least(8) == pytest.approx(0.018, abs=5e-4)
    assert chance.jaccard == pytest.approx(0.0368, abs=5e-5)
    assert wf.metrics.list_chance(711, 100).jaccard == pytest.approx(0.076, abs=5e-4)
    assert wf.metrics.list_chance(711, 10).at_most(1) == pytest.approx(0.992, abs=5e-4)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5])
def test_fagin_and_rbo_are_those_of_brute_force(p: float) -> None:
    a, b = lists_of(14, 8, 40), lists_of(14, 8, 40, seed=1)
    each = [brute_fagin(x.tolist(), y.tolist(), p) for x, y in zip(a, b, strict=True)]
    assert wf.metrics.fagin(a, b, p=p).value == pytest.approx(np.mean(each), abs=1e-12)
    each = [brute_rbo(x.tolist(), y.tolist(), 0.5 + p / 2) for x, y in zip(a, b, strict=True)]
    assert wf.metrics.rbo(a, b, p=0.5 + p / 2).value == pytest.approx(np.mean(each), abs=1e-12)


def test_sets_are_those_of_brute_force() -> None:
    a, b = lists_of(30, 9, 40), lists_of(30, 9, 40, seed=1)
    common = np.array([len(set(x) & set(y)) for x, y in zip(a.tolist(), b.tolist(), strict=True)])
    assert wf.metrics.overlap(a, b).value == pytest.approx((common / 9).mean(), abs=1e-12)
    assert wf.metrics.kuncheva(a, b, n=30).value == pytest.approx(((common - 81 / 30) / (9 - 81 / 30)).mean(), abs=1e-12)
    assert wf.metrics.jaccard(a, b).value == pytest.approx((common / (18 - common)).mean(), abs=1e-12)


@pytest.mark.parametrize("metric", LISTS, ids=lambda metric: metric.__name__)
def test_chance_is_the_mean_over_all_lists(metric: Callable) -> None:
    n, k = 5, 3
    every = np.array(list(permutations(range(n), k)))
    found = metric(np.tile([0, 1, 2], (len(every), 1)), every, n=n)
    assert found.value == pytest.approx(found.chance, abs=1e-12)


@pytest.mark.parametrize("metric", [*LISTS, wf.metrics.ndcg], ids=lambda metric: metric.__name__)
def test_random_scores_give_chance(metric: Callable) -> None:
    random = np.random.default_rng(2)
    found = (
        metric(random.normal(size=(800, 60)), random.normal(size=(800, 60)), k=7)
        if metric is wf.metrics.ndcg
        else metric(lists_of(60, 7, 800, 3), lists_of(60, 7, 800, 4), n=60)
    )
    assert found.status == "ok" and abs(found.value - found.chance) < 3 * (found.high - found.low) / 2 / 1.96


def test_ndcg_is_scikit_learns_and_brute_forces() -> None:
    x, y = torch.randn(30, 25).double(), torch.randn(30, 25).double()
    for by, gain in (("proponents", x.clamp_min(0)), ("magnitude", x.abs()), ("opponents", (-x).clamp_min(0))):
        ranked = {"proponents": y, "magnitude": y.abs(), "opponents": -y}[by]
        assert wf.metrics.ndcg(x, y, k=6, by=by).value == pytest.approx(ndcg_score(gain.numpy(), ranked.numpy(), k=6), abs=1e-12)
    assert wf.metrics.ndcg(x, x, k=6).value == pytest.approx(1)
    assert wf.metrics.ndcg(-x.abs(), y, k=6).status == "undefined"


def test_all_examples_are_vacuous_as_sets_and_not_as_orders() -> None:
    """A published Jaccard index of 1.000 at k = n was read as perfect agreement."""
    x, y = torch.randn(6, 12).double(), torch.randn(6, 12).double()
    one, other = (wf.Scores(values, np.arange(6), np.arange(12), "arbitrary", "given") for values in (x, y))
    for metric in SETS:
        found = metric(one, other, k=12)
        assert found.status == "vacuous" and found.value is None and "all 12" in found.reason
    assert 0 < wf.metrics.fagin(one, other, k=12).value < 1 and 0 < wf.metrics.rbo(one, other, k=12).value < 1
    with pytest.raises(wf.UsageError, match="k=13 is not between 1 and the 12"):
        wf.metrics.overlap(one, other, k=13)


def test_no_common_example_is_a_finding_not_nan() -> None:
    a, b = np.tile(np.arange(5), (6, 1)), np.tile(np.arange(5, 10), (6, 1))
    assert wf.metrics.overlap(a, b, n=20).value == 0 and wf.metrics.jaccard(a, b).value == 0 and wf.metrics.rbo(a, b).value == 0
    assert wf.metrics.fagin(a, b).value == 1 and wf.metrics.kuncheva(a, b, n=20).value == pytest.approx(-1 / 3)
    one = a.copy()
    one[:, 0] = 19
    assert wf.metrics.fagin(one, a).status == "ok"


def test_ties_are_broken_by_position_and_said() -> None:
    x = torch.tensor([[0.0, 1, 1, 1, 0]]).repeat(6, 1)
    scores = [wf.Scores(values, np.arange(6), np.array(list("abcde")), "arbitrary", "given") for values in (x, x * 2)]
    found = wf.metrics.overlap(*scores, k=2)
    assert found.value == 1 and "rank 2 is tied with the next for 6 of 6 queries" in found.reason
    flat = wf.Scores(torch.ones(6, 5), np.arange(6), np.array(list("abcde")), "arbitrary", "given")
    for metric in LISTS:
        assert metric(scores[0], flat, k=2).status == "undefined"


def test_no_scale_matters() -> None:
    x, y = torch.randn(6, 30).double(), torch.randn(6, 30).double()
    for metric in [*LISTS, wf.metrics.ndcg]:
        assert _of(metric, 1e-200 * x, 1e100 * y) == pytest.approx(_of(metric, x, y), abs=1e-12)


def _of(metric: Callable, x: torch.Tensor, y: torch.Tensor) -> float:
    one, other = (wf.Scores(values, np.arange(6), np.arange(30), "arbitrary", "given") for values in (x, y))
    return metric(one, other, k=5).value


def test_scores_are_intersected_before_the_top_is_taken() -> None:
    one = wf.Scores(torch.tensor([[9.0, 3, 2, 1]]), np.array([0]), np.array(["gone", "a", "b", "c"]), "arbitrary", "given")
    other = wf.Scores(torch.tensor([[1.0, 2, 3, 8]]), np.array([0]), np.array(["c", "b", "a", "new"]), "arbitrary", "given")
    found = wf.metrics.overlap(one, other, k=2)
    assert found.value == 1 and found.chance == pytest.approx(2 / 3)


def test_top_scores_are_aligned_by_query() -> None:
    scores = wf.Scores(torch.randn(6, 30), np.arange(6), np.arange(30), "arbitrary", "given")
    turned = wf.Scores(scores.values.flip(0), np.arange(6)[::-1], scores.train_ids, "arbitrary", "given")
    assert wf.metrics.overlap(scores.top(4), turned.top(4), n=30).value == 1
    assert wf.metrics.overlap(scores.top(6), turned.top(6), k=3).value == 1
    with pytest.raises(wf.UsageError, match="of proponents and of opponents"):
        wf.metrics.overlap(scores.top(4), turned.top(4, by="opponents"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wf.metrics.kuncheva([1, 2], [2, 3]), "give n="),
        (lambda: wf.metrics.overlap([1, 1], [2, 3]), "names an id twice"),
        (lambda: wf.metrics.overlap([1, 2], [[2, 3], [1, 2]]), "same queries"),
        (lambda: wf.metrics.overlap([1, 2], [3, 4], n=3), "name 4 ids, but n=3"),
        (lambda: wf.metrics.rbo([1, 2], [2, 3], p=1), "between 0 and 1"),
        (lambda: wf.metrics.fagin([1, 2], [2, 3], p=0.7), "between 0 and 0.5"),
        (lambda: wf.metrics.overlap(wf.Scores(torch.ones(1, 2), np.arange(1), np.arange(2), "arbitrary", "x"), [1]), "mixed with lists"),
    ],
)
def test_what_can_be_put_right_is_said(call: Callable, said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        call()
