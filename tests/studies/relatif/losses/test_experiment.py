"""Zeros and ties by loss: hinge has them where images lie beyond the margin, and a smooth hinge has not."""

import numpy as np
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif.losses.experiment import BCE, DECAYS, HINGE, NLL, SMOOTHED, tied_share


def test_tied_pairs_by_counting() -> None:
    values = np.array([0.0, 0, 0, 1, 2, 2])
    pairs = [(a, b) for place, a in enumerate(values) for b in values[:place]]
    assert tied_share(values) == pytest.approx(sum(a == b for a, b in pairs) / len(pairs)) and tied_share(np.arange(5.0)) == 0


@pytest.mark.parametrize("decay", DECAYS)
def test_only_the_hinge_has_zeros(quick: Findings, decay: float) -> None:
    def of(loss: str, what: str) -> float:
        value = quick.value(f"losses/{loss}/{decay:g}/{what}")
        assert value is not None
        return value

    images, queries = of(HINGE, "without gradient"), of(HINGE, "queries without gradient")
    assert of(HINGE, "zero") >= max(images, queries) > 0 and of(HINGE, "tied pairs") > 0.1
    for loss in (BCE, NLL, SMOOTHED):
        assert of(loss, "zero") < 0.02 and of(loss, "tied pairs") < 0.02 and of(loss, "accuracy") > 0.6
    assert of(BCE, "agreement with BCE") == pytest.approx(1) and of(SMOOTHED, "agreement with BCE") > of(HINGE, "agreement with BCE")
