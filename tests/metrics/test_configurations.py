"""Configurations against seeds."""

import numpy as np
import pytest

import wherefrom as wf

NAMES = ["a"] * 6 + ["b"] * 6


def drawn(shift: float, seed: int = 0, q: int = 5, n: int = 40) -> np.ndarray:
    """Scores of 12 runs: what all share, what a configuration adds, and each seed's noise."""
    random = np.random.default_rng(seed)
    shared, own = random.normal(size=(q, n)), shift * random.normal(size=(2, q, n))
    return np.stack([shared + own[run // 6] + random.normal(size=(q, n)) for run in range(12)])


def test_a_configuration_counts_only_beyond_its_seeds() -> None:
    found = wf.metrics.configuration_effect(drawn(3.0), NAMES, k=8)
    assert found.gap.low > 0 and found.within.value - found.between.value == pytest.approx(found.gap.value)
    none = [wf.metrics.configuration_effect(drawn(0.0, seed), NAMES, k=8).gap for seed in range(60)]
    assert np.mean([gap.low > 0 for gap in none]) < 0.1 and abs(np.mean([gap.value for gap in none])) < 0.02


def test_figures_are_means_of_kunchevas_index_over_pairs() -> None:
    scores = drawn(1.0)
    pairs = {(i, j): wf.metrics.nogueira(scores[[i, j]], k=8).value for i in range(12) for j in range(i)}
    found = wf.metrics.configuration_effect(scores, NAMES, k=8)
    assert found.within.value == pytest.approx(np.mean([value for (i, j), value in pairs.items() if NAMES[i] == NAMES[j]]))
    assert found.between.value == pytest.approx(np.mean([value for (i, j), value in pairs.items() if NAMES[i] != NAMES[j]]))


def test_what_cannot_be_told() -> None:
    scores = drawn(0.0)
    assert wf.metrics.configuration_effect(scores, NAMES, k=40).gap.status == "vacuous"
    assert wf.metrics.configuration_effect(np.ones_like(scores), NAMES, k=8).gap.status == "undefined"
    assert wf.metrics.configuration_effect(scores[:3], ["a", "a", "b"], k=8).gap.status == "underpowered"
    for names, said in ((["a"] * 12, "two configurations"), (list("abcdefghijkl"), "two seeds"), (["a"], "1 configurations for 12")):
        with pytest.raises(wf.UsageError, match=said):
            wf.metrics.configuration_effect(scores, names, k=8)
