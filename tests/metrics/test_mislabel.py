"""Finding flipped labels: scikit-learn's figures, ties without jitter, rankings beside, and what is said where there is none."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

import wherefrom as wf


def case(n: int = 300, shift: float = 1.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    flipped = random.random(n) < 0.15
    return random.normal(size=n) + shift * flipped, flipped


def test_figures_are_scikit_learns() -> None:
    values, flipped = case()
    found = wf.metrics.mislabel_detection(torch.from_numpy(values), flipped, fraction=0.2, progress=False)
    assert found.auc.value == pytest.approx(roc_auc_score(flipped, values), abs=1e-12)
    assert found.average_precision.value == pytest.approx(average_precision_score(flipped, values), abs=1e-12)
    assert found.recall.value == pytest.approx(flipped[(-values).argsort()[:60]].sum() / flipped.sum(), abs=1e-12)
    for one in found.estimates():
        assert one.low < one.value < one.high and one.status == "ok" and one.n == flipped.sum()
    assert found.recall.chance == pytest.approx(0.2) and "AUC" in str(found)


def test_ties_are_never_broken_by_adding_positions() -> None:
    """quanda adds 1e-4 times the position to the scores: an AUC of .93 fell to .51 at 50,000 examples and scores of scale .01."""
    values, flipped = case(2000)
    small = wf.metrics.mislabel_detection(1e-6 * values, flipped, progress=False)
    assert small.auc.value == pytest.approx(roc_auc_score(flipped, values), abs=1e-12)
    tied = wf.metrics.mislabel_detection(np.round(values), flipped, progress=False)
    assert tied.auc.value == pytest.approx(roc_auc_score(flipped, np.round(values)), abs=1e-12) and "decided by position" in tied.recall.reason


def test_perfect_detection_has_an_auc_of_1() -> None:
    """Influenciae 0.3.0 calls the area under the inspection curve ROC: 0.9505 where a tenth is mislabelled and all of it found first."""
    flipped = np.arange(1000) % 10 == 0
    values = flipped + np.random.default_rng(0).random(1000) / 2
    assert wf.metrics.mislabel_detection(values, flipped, progress=False).auc.value == 1


def test_other_rankings_stand_beside_and_the_lead_is_paired() -> None:
    values, flipped = case()
    loss = values + 0.05 * np.random.default_rng(1).normal(size=300)
    found = wf.metrics.mislabel_detection(values, flipped, beside={"loss": loss, "flat": np.zeros(300)}, progress=False)
    assert found.beside["loss"].auc == pytest.approx(found.beside["loss"].auc) and found.beside["loss"].auc.name == "loss AUC"
    lead = found.lead["loss"]
    assert lead.value == pytest.approx(found.auc.value - found.beside["loss"].auc.value) and lead.chance == 0
    assert lead.high - lead.low < (found.auc.high - found.auc.low) / 3  # they were resampled together
    assert found.beside["flat"].auc.status == found.lead["flat"].status == "undefined" and "loss AUC" in str(found)


def test_random_values_give_chance() -> None:
    flipped = np.arange(60) < 8
    drawn = []
    for seed in range(25):
        found = wf.metrics.mislabel_detection(np.random.default_rng(seed).normal(size=60), flipped, progress=False)
        drawn.append([one.value for one in found.estimates()])
    chance = [one.chance for one in found.estimates()]
    error = np.std(drawn, axis=0, ddof=1) / 25**0.5
    assert (np.abs(np.mean(drawn, axis=0) - chance) < 3 * error).all()


def test_one_kind_of_label_or_one_value_is_undefined() -> None:
    values, flipped = case(40)
    for given, labels, said in (
        (values, np.zeros(40, bool), "no label"),
        (values, np.ones(40, bool), "every label"),
        (np.ones(40), flipped, "every value"),
    ):
        for one in wf.metrics.mislabel_detection(given, labels, progress=False).estimates():
            assert one.status == "undefined" and one.value is None and said in one.reason
    assert wf.metrics.mislabel_detection(values, np.arange(40) < 3, progress=False).auc.status == "underpowered"


def test_what_does_not_fit_is_refused() -> None:
    values, flipped = case(40)
    for call, said in (
        (lambda: wf.metrics.mislabel_detection(values, np.flatnonzero(flipped)), "one boolean"),
        (lambda: wf.metrics.mislabel_detection(values[:9], flipped), "for 40 labels"),
        (lambda: wf.metrics.mislabel_detection(values, flipped, fraction=0.0), "fraction"),
        (lambda: wf.metrics.mislabel_detection(values, flipped, beside={"loss": values * np.nan}), "The values of 'loss' are not finite"),
    ):
        with pytest.raises(wf.UsageError, match=said):
            call()
