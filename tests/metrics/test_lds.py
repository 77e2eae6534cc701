"""LDS: scipy's value, the sign for both kinds of measurement, two-way coverage, ceiling, and what is said where there is none."""

import numpy as np
import pytest
import torch
from helpers.problems import ridge
from scipy import stats

import wherefrom as wf
from wherefrom.metrics.lds import _Pair


def subsets(n: int, m: int, seed: int = 0) -> dict[str, list[int]]:
    """m random halves of n, as what is left out."""
    random = np.random.default_rng(seed)
    return {f"subset {j}": sorted(random.permutation(n)[: n // 2].tolist()) for j in range(m)}


def linear(
    q: int, m: int, seeds: int, *, noise: float = 0.0, shared: float = 0.0, wrong: float = 0.0, seed: int = 0
) -> tuple[wf.Scores, wf.retraining.Outcomes]:
    """Losses that are linear in what is left out, with noise of each seed, an effect that all queries of a subset share, and wrong scores."""
    n, groups, random = 40, subsets(40, m, seed), np.random.default_rng(seed)
    true = random.normal(size=(q, n))
    out = np.array([[i in set(ids) for i in range(n)] for ids in groups.values()], dtype=float)
    effect = true @ out.T
    size = effect.std(1, keepdims=True)
    effect += size * shared * random.normal(size=(1, m))
    losses = effect + size * noise * random.normal(size=(seeds, q, m))
    scores = wf.Scores(torch.from_numpy(true + wrong * random.normal(size=(q, n))), np.arange(q), np.arange(n), "arbitrary", "given")
    return scores, wf.retraining.Outcomes(torch.from_numpy(losses), torch.zeros(seeds, q).double(), groups, np.arange(q), 1.0, "loss change")


def test_values_are_scipys_over_the_included() -> None:
    """The sum runs over the subset that was trained on, as the definition has it, and the measurement improves as the loss falls."""
    scores, outcomes = linear(6, 30, 2, noise=0.5, wrong=1.0)
    included = [[i for i in range(40) if i not in ids] for ids in outcomes.groups.values()]
    sums = np.stack([scores.select(ids).sum(1).numpy() for ids in included], 1)
    better = -outcomes.values.mean(0).numpy()
    each = [stats.spearmanr(x, y).statistic for x, y in zip(sums, better, strict=True)]
    found = wf.lds(scores, outcomes, progress=False)
    assert found.lds.value == pytest.approx(np.mean(each), abs=1e-12) and found.per_query == pytest.approx(each, abs=1e-12)
    assert found.lds.low < found.lds.value < found.lds.high and found.lds.n == 30 and "LDS" in str(found)


def test_linear_outcomes_give_one_and_random_scores_nothing() -> None:
    scores, outcomes = linear(5, 40, 1)
    assert wf.lds(scores, outcomes, progress=False).lds.value == pytest.approx(1)
    random = wf.Scores(torch.randn(5, 40), np.arange(5), np.arange(40), "arbitrary", "random")
    assert abs(wf.lds(random, outcomes, progress=False).lds.value) < 3 / 40**0.5


def test_positive_is_good_also_where_higher_is_better() -> None:
    scores, outcomes = linear(5, 40, 1)
    margin = wf.retraining.Outcomes(-outcomes.values, outcomes.baseline, outcomes.groups, outcomes.query_ids, -1.0, "measurement change")
    assert wf.lds(scores, margin, progress=False).lds.value == pytest.approx(1)


def test_influence_of_a_ridge_regression_predicts_retrained_halves() -> None:
    named = ridge(n=60)
    scores = wf.attribute(wf.InfluenceFunction(), named.problem, named.queries, progress=False)
    outcomes = wf.retrain_without(named.problem, subsets(60, 25), named.queries, wf.train.newton(), progress=False)
    assert wf.lds(scores, outcomes, progress=False).lds.value > 0.8


@pytest.mark.parametrize("tied", [False, True])
def test_resampled_ranks_are_those_of_repeated_columns(tied: bool) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(4, 30)), random.normal(size=(4, 30))
    x = np.round(x) if tied else x
    times = random.multinomial(30, np.full(30, 1 / 30))
    each = [stats.spearmanr(np.repeat(a, times), np.repeat(b, times)).statistic for a, b in zip(x, y, strict=True)]
    assert _Pair(x, y).spearman(times) == pytest.approx(each, abs=1e-12)


def test_the_interval_covers_though_queries_share_their_models() -> None:
    """The full simulation, with others, is benchmarks/coverage.py."""

    def drawn(q: int, m: int, seed: int) -> tuple[wf.Scores, wf.retraining.Outcomes]:
        return linear(q, m, 1, noise=0.5, shared=1.0, wrong=0.5, seed=seed)

    truth = np.mean([wf.lds(*drawn(30, 400, 1000 + seed), progress=False).lds.value for seed in range(1)])
    found = [wf.lds(*drawn(8, 40, seed), progress=False).lds for seed in range(20)]
    assert sum(one.low <= truth <= one.high for one in found) == 20


def test_the_ceiling_is_what_a_perfect_prediction_reaches() -> None:
    for seeds, expected in ((2, (2 / 3) ** 0.5), (5, 0.91)):
        scores, outcomes = linear(40, 150, seeds, noise=1.0)
        found = wf.lds(scores, outcomes, progress=False)
        assert found.lds.ceiling == pytest.approx(expected, abs=0.02) and found.relative.value == pytest.approx(1, abs=0.035)
    one = wf.lds(*linear(6, 20, 1, noise=1.0), progress=False)
    assert one.lds.ceiling is None and one.relative.status == "undefined" and "retrain with 2" in one.relative.reason


def test_a_seed_that_shifts_all_subsets_is_no_noise() -> None:
    scores, outcomes = linear(6, 30, 3, noise=0.3)
    shifted = wf.retraining.Outcomes(
        outcomes.values + torch.tensor([0.0, 50, -9])[:, None, None], outcomes.baseline, outcomes.groups, np.arange(6), 1.0, "loss change"
    )
    assert wf.lds(scores, shifted, progress=False).lds.ceiling == pytest.approx(wf.lds(scores, outcomes, progress=False).lds.ceiling, abs=1e-9)


def test_constant_scores_are_undefined_and_too_little_is_said() -> None:
    """quanda and dattri call the first 0.0 and drop the second in silence."""
    scores, outcomes = linear(6, 20, 1)
    flat = wf.Scores(torch.zeros(6, 40), np.arange(6), np.arange(40), "arbitrary", "given")
    none = wf.lds(flat, outcomes, progress=False)
    assert none.lds.status == "undefined" and none.per_query == (None,) * 6 and "score" in none.lds.reason
    scores.values[2] = 0.0
    some = wf.lds(scores, outcomes, progress=False)
    assert some.per_query[2] is None and "1 of 6 queries left out" in some.lds.reason and some.lds.value == pytest.approx(1)
    assert wf.lds(*linear(4, 2, 1), progress=False).lds.status == "undefined"
    assert wf.lds(*linear(4, 8, 1), progress=False).lds.status == "underpowered"
    single = wf.lds(*linear(1, 20, 1, noise=0.5), progress=False).lds
    assert single.low < single.value < single.high and "over subsets alone" in single.reason


def test_no_scale_matters_and_the_same_seed_gives_the_same() -> None:
    scores, outcomes = linear(5, 20, 2, noise=0.5, wrong=0.5)
    one = wf.lds(scores, outcomes, progress=False)
    scaled = wf.Scores(1e-12 * scores.values, scores.query_ids, scores.train_ids, "arbitrary", "given")
    assert wf.lds(scaled, outcomes, progress=False).lds == one.lds == wf.lds(scores, outcomes, progress=False).lds
    assert wf.lds(scores, outcomes, queries=[3], progress=False).per_query == (one.per_query[3],)


def test_what_does_not_fit_is_refused() -> None:
    scores, outcomes = linear(4, 12, 1)
    with pytest.raises(wf.UsageError, match="same measurement"):
        wf.lds(wf.Scores(scores.values, scores.query_ids, scores.train_ids, "measurement change", "given"), outcomes, progress=False)
    with pytest.raises(wf.UsageError, match="not among the 39 training ids"):
        wf.lds(wf.Scores(scores.values[:, :39], scores.query_ids, scores.train_ids[:39], "arbitrary", "given"), outcomes, progress=False)
    outcomes.values[0, 1, 3] = float("nan")
    with pytest.raises(wf.UsageError, match="query 1 without group 'subset 3' is not finite"):
        wf.lds(scores, outcomes, progress=False)
