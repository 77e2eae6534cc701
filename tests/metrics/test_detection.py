"""Finding marked examples: scikit-learn's figures, also of resamples, and ties."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from wherefrom.metrics.detection import Detection, average_precision_chance


@pytest.mark.parametrize("tied", [False, True])
def test_figures_are_scikit_learns_of_any_resample(tied: bool) -> None:
    random = np.random.default_rng(0)
    values, marked = random.normal(size=80), random.random(80) < 0.3
    values = np.round(values) if tied else values
    ranking = Detection(values, marked)
    for times in (np.ones(80, dtype=int), random.multinomial(80, np.full(80, 1 / 80))):
        drawn, truth = np.repeat(values, times), np.repeat(marked, times)
        assert ranking.auc(times) == pytest.approx(roc_auc_score(truth, drawn), abs=1e-12)
        assert ranking.average_precision(times) == pytest.approx(average_precision_score(truth, drawn), abs=1e-12)
        order = (-drawn).argsort(kind="stable")
        assert ranking.recall(times, 12) == pytest.approx(truth[order[:12]].sum() / truth.sum(), abs=1e-12)


def test_the_area_under_the_inspection_curve_scaled_is_the_auc() -> None:
    random = np.random.default_rng(0)
    values, marked = random.normal(size=60), random.random(60) < 0.2
    ranking, every, share = Detection(values, marked), np.ones(60, dtype=int), marked.mean()
    curve = np.array([0.0] + [ranking.recall(every, first) for first in range(1, 61)])
    area = ((curve[1:] + curve[:-1]) / 2).mean()
    assert (area - share / 2) / (1 - share) == pytest.approx(ranking.auc(every), abs=1e-12)


def test_chance_is_the_mean_over_random_orders() -> None:
    random = np.random.default_rng(0)
    for n, m in ((6, 1), (10, 4), (5, 5)):
        marked = np.arange(n) < m
        drawn = [Detection(random.permutation(n).astype(float), marked).average_precision(np.ones(n, dtype=int)) for _ in range(4000)]
        assert abs(np.mean(drawn) - average_precision_chance(m, n)) <= 3 * np.std(drawn) / 4000**0.5 + 1e-12


def test_ties_at_the_end_are_known() -> None:
    ranking = Detection(np.array([3.0, 2, 2, 1]), np.array([True, False, True, False]))
    assert [ranking.tied_at(first) for first in (1, 2, 3, 4)] == [False, True, False, False]
