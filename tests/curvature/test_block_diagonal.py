"""Block-diagonal curvatures: the blocks of the whole, each solved on its own."""

import numpy as np
import pytest
import torch
from helpers.problems import NAMES, problem
from torch import Tensor

import wherefrom as wf

SOLVERS = [wf.Exact(), wf.CG(), wf.LiSSA(depth=4000), wf.Arnoldi(iterations=100, complement="damping")]


def blocks_of(p: wf.Problem, groups: list[list[str]]) -> Tensor:
    """1 where two entries of θ are in one group."""
    owner = torch.cat([torch.full((p.state[n].numel(),), next(k for k, group in enumerate(groups) if n in group)) for n in p.names])
    return (owner[:, None] == owner).to(p.dtype)


def by_layer(p: wf.Problem) -> list[list[str]]:
    layers = dict.fromkeys(name.rpartition(".")[0] for name in p.names)
    return [[name for name in p.names if name.rpartition(".")[0] == layer] for layer in layers]


@pytest.mark.parametrize("of", [wf.GaussNewton(), wf.Hessian()], ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_equals_the_blocks_of_the_matrix(name: str, of: wf.curvature.Curvature) -> None:
    p = problem(name).problem
    operator, true = wf.BlockDiagonal(of).fit(p), of.fit(p).dense() * blocks_of(p, by_layer(p))
    torch.testing.assert_close(operator.dense(), true, rtol=1e-9, atol=1e-11)
    vectors = torch.randn(p.size, 3, dtype=p.dtype)
    torch.testing.assert_close(operator @ vectors, true @ vectors, rtol=1e-9, atol=1e-10)
    assert operator.mean_eigenvalue() == pytest.approx(float(true.diagonal().mean()), rel=0.5)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: type(solver).__name__)
def test_every_solver_takes_each_group_on_its_own(solver: wf.solvers.Solver) -> None:
    p = problem("mlp").problem
    operator, vectors = wf.BlockDiagonal(blocks=("0.*", ("2.weight", "2.bias"))).fit(p), torch.randn(p.size, 3, dtype=p.dtype)
    found = solver.fit(operator, 0.05).solve(vectors)
    torch.testing.assert_close(found.x, torch.linalg.solve(operator.dense() + 0.05 * torch.eye(p.size, dtype=p.dtype), vectors), rtol=1e-6, atol=1e-8)
    assert found.converged and found.residual.max() < 1e-6


def test_groups_may_be_dealt_in_any_order_and_have_dampings_of_their_own() -> None:
    batch = next(problem("mlp").problem.batches())
    p = wf.Problem.of(problem("mlp").problem.model, wf.cross_entropy(), (batch.inputs, batch.targets))
    operator = wf.BlockDiagonal(blocks=(("2.weight", "0.weight"), "*.bias")).fit(p)
    true = wf.GaussNewton().fit(p).dense() * blocks_of(p, [["2.weight", "0.weight"], ["0.bias", "2.bias"]])
    torch.testing.assert_close(operator.dense(), true, rtol=1e-9, atol=1e-11)
    damping = operator.default_damping()
    assert isinstance(damping, Tensor) and len(damping.unique()) == 2
    vectors = torch.randn(p.size, 2, dtype=p.dtype)
    found = wf.Exact().fit(operator, damping).solve(vectors)
    torch.testing.assert_close(found.x, torch.linalg.solve(true + torch.diag(damping[:, 0]), vectors), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("blocks", "said"),
    [(("0.*", "9.*"), "'9\\.\\*' matches no chosen parameter"), (("0.*",), "'2.weight' is in 0 blocks"), (("*", "0.*"), "'0.weight' is in 2 blocks")],
)
def test_blocks_that_do_not_name_each_parameter_once_are_refused(blocks: tuple[str, ...], said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        wf.BlockDiagonal(blocks=blocks).fit(problem("mlp").problem)


def test_blocks_that_are_no_means_over_examples_have_no_part() -> None:
    p, some = problem("mlp").problem, np.arange(3)
    whole = wf.BlockDiagonal(wf.KFAC()).fit(p)
    assert whole.on(some) is whole
    assert wf.BlockDiagonal().fit(p).on(some) is not whole
