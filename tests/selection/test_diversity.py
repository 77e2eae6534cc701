"""The three diversities by the paper's sums, their gains as differences, and which of them are submodular."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

import wherefrom as wf
from wherefrom.selection import Diversity
from wherefrom.selection.diversity import Spread
from wherefrom.selection.kernel import Kernel

FORMS: list[Diversity] = [wf.select.FacilityLocation(), wf.select.SumRedundancy(), wf.select.MMD()]
N, M = 20, 6


def spread(form: Diversity, X: Tensor, bandwidth: float | None = None) -> tuple[Spread, Tensor]:
    """R over some rows, and φ between them."""
    kernel = Kernel.of(X, np.arange(len(X)), bandwidth, 0, None)
    return form.over(kernel, M, False), torch.exp(-torch.cdist(X, X).square() / (2 * kernel.bandwidth**2))


def state(found: Spread, chosen: Sequence[int]) -> Tensor:
    left = torch.zeros(len(found.kernel), dtype=torch.float64)
    for place in chosen:
        left = found.joined(left, found.kernel.row(place))
    return left


def paper(form: Diversity, phi: Tensor, chosen: list[int]) -> float:
    """R as published, without a scale; R(∅) = 0 of MMD."""
    alike, near, k, n = phi[chosen][:, chosen].sum(), phi[:, chosen].sum(), len(chosen), len(phi)
    if isinstance(form, wf.select.FacilityLocation):
        return float(phi[:, chosen].max(1).values.sum()) if chosen else 0.0
    if isinstance(form, wf.select.SumRedundancy):
        return float(phi.sum() - alike)
    return float(2 / (n * k) * near - alike / k**2) if chosen else 0.0


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_values_are_the_papers_up_to_a_scale_and_an_offset(form: Diversity) -> None:
    X = torch.randn(N, 3).double()
    found, phi = spread(form, X)
    sets = [torch.randperm(N)[:M].tolist() for _ in range(20)]
    values = np.array([found.value(state(found, chosen), chosen) for chosen in sets])
    published = np.array([paper(form, phi, chosen) for chosen in sets])
    scale = {"FacilityLocation()": N, "SumRedundancy()": M * M - M, "MMD()": float(phi.mean())}[repr(form)]
    offset = float(phi.sum()) - M * M if form == wf.select.SumRedundancy() else 0.0  # the least that M examples can have
    np.testing.assert_allclose(values * scale + offset, published, rtol=1e-10)
    assert values.max() <= 1 and values.min() >= 0


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_gains_are_differences_of_values(form: Diversity) -> None:
    found, _ = spread(form, torch.randn(N, 3).double())
    for size in range(M):
        chosen = torch.randperm(N)[:size].tolist()
        left, places = state(found, chosen), torch.tensor([i for i in range(N) if i not in chosen])
        after = [found.value(state(found, [*chosen, i]), [*chosen, i]) for i in places.tolist()]
        torch.testing.assert_close(found.gains(left, chosen, places), torch.tensor(after).double() - found.value(left, chosen), atol=1e-7, rtol=1e-6)


def test_facility_location_and_sum_redundancy_are_submodular() -> None:
    for form in FORMS[:2]:
        for _ in range(30):
            found, _ = spread(form, torch.randn(N, 2).double())
            order = torch.randperm(N).tolist()
            few, more, i = order[:2], order[: int(torch.randint(3, 10, ()))], torch.tensor(order[-1:])
            assert found.gains(state(found, few), few, i) >= found.gains(state(found, more), more, i) - 1e-12


def test_mmd_is_neither_submodular_nor_monotone() -> None:
    far = torch.arange(12).double()[:, None] * 10  # φ is nearly the identity
    found, _ = spread(wf.select.MMD(), far, bandwidth=1.0)
    left = state(found, [0])
    assert found.gains(0 * left, [], torch.tensor([5])) < 0 < found.gains(left, [0], torch.tensor([5]))


def test_the_gain_by_each_alone_is_known_where_gains_are_dear() -> None:
    X = torch.randn(N, 3).double()
    found, _ = spread(FORMS[0], X)
    torch.testing.assert_close(found.first, found.gains(torch.zeros(N).double(), [], torch.arange(N)))
    assert all(spread(form, X)[0].first is None for form in FORMS[1:])


def test_a_single_example_and_all_of_them_have_a_diversity() -> None:
    kernel = Kernel.of(torch.randn(5, 2), np.arange(5), None, 0, None)
    alone = wf.select.SumRedundancy().over(kernel, 1, False)
    assert alone.value(state(alone, [3]), [3]) == pytest.approx(1)
    for form, value in ((wf.select.FacilityLocation(), 1.0), (wf.select.MMD(), 1.0)):
        found = form.over(kernel, 5, False)
        assert found.value(state(found, range(5)), range(5)) == pytest.approx(value)
