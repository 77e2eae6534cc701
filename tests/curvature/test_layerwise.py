"""Curvatures known by their eigenvalues: the penalty in each layer's basis, damping, and factors in blocks."""

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.gradients import Gradients


def test_the_penalty_is_part_of_the_matrix() -> None:
    p = problem("ridge, l2 on the weight alone").problem
    plain = wf.Problem.of(p.model, wf.squared_error(), (next(p.batches()).inputs, next(p.batches()).targets), weights=p.weights).at(p.state)
    with_l2, without = (wf.Diagonal().fit(one).dense().diagonal() for one in (p, plain))
    torch.testing.assert_close(with_l2 - without, p.l2)


@pytest.mark.parametrize("curvature", [wf.KFAC, wf.EKFAC])
def test_factors_in_blocks_leave_out_what_is_between_them(curvature: type[wf.KFAC] | type[wf.EKFAC]) -> None:
    p = problem("mlp").problem
    whole, halves, apart = (curvature(samples=None, blocks=blocks).fit(p) for blocks in (1, 2, 1000))
    for eigen in halves.blocks:
        for basis in (eigen.rows, eigen.columns):
            assert basis is not None
            torch.testing.assert_close(basis.mT @ basis, torch.eye(basis.shape[1], dtype=basis.dtype).expand_as(basis))
            half = -(-basis.shape[1] // 2)
            assert not basis[:, :half, half:].any() and not basis[:, half:, :half].any()
    assert float(halves.dense().diagonal().sum()) == pytest.approx(float(whole.dense().diagonal().sum()))
    if curvature is wf.EKFAC:  # no basis but the parameters' own: the diagonal of the Gauss-Newton matrix
        torch.testing.assert_close(apart.dense(), wf.Diagonal().fit(p).dense(), rtol=1e-8, atol=1e-10)


def test_no_blocks_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="blocks=0 is no number"):
        wf.KFAC(blocks=0).fit(problem("mlp").problem)


def test_batches_stay_as_they_are_while_free_memory_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first pass kept is of its batches, so the second must cut the data in the same places."""
    p, sizes = problem("mlp").problem, iter([5, 3, 3, 3, 3])
    whole = wf.EKFAC().fit(p)
    monkeypatch.setattr(Gradients, "size", property(lambda _: next(sizes)))
    rows = torch.randn(2, p.size, generator=torch.Generator().manual_seed(0)).to(p.dtype)
    halved = wf.EKFAC().fit(p)
    torch.testing.assert_close(halved.apply(rows.T), whole.apply(rows.T))
