"""What solvers leave to the operator: its groups, each on its own, and the inverse that it has already."""

import pytest
import torch
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf
from wherefrom.curvature import External
from wherefrom.curvature.inverse import Inverse, Solution


class Division(Inverse):
    """Each entry divided by its own number."""

    def __init__(self, entries: Tensor) -> None:
        self.entries = entries

    def solve(self, vectors: Tensor) -> Solution:
        return Solution(vectors / self.entries[:, None], 1, vectors.new_zeros(vectors.shape[1]), True)


class Diagonal(External):
    """An operator of another house that knows its inverse."""

    def own_inverse(self, damping: float | Tensor, tolerance: float) -> Inverse:
        return Division(torch.as_tensor(self.matrix).diagonal() + damping)


def test_an_operator_with_an_inverse_of_its_own_needs_no_solver_to_know_it() -> None:
    p = problem("softmax").problem
    operator = Diagonal(torch.rand(p.size, dtype=p.dtype).add(0.5).diag(), p)
    vectors = torch.randn(p.size, 4, dtype=p.dtype)
    inverse = wf.Eigen().fit(operator, 0.1)
    assert isinstance(inverse, Division)
    torch.testing.assert_close(inverse.solve(vectors).x, wf.Exact().fit(operator, 0.1).solve(vectors).x)

    class Settings(wf.curvature.Curvature):
        def fit(self, problem: wf.Problem, resume: object = None) -> Diagonal:
            return operator

    solution = wf.CG(preconditioner=Settings()).fit(operator, 0.1).solve(vectors)
    assert solution.iterations == 1 and solution.converged


@pytest.mark.parametrize("solver", [wf.Exact(), wf.solvers.Absolute(0.1), wf.CG(), wf.Arnoldi(iterations=40, complement="damping")], ids=repr)
def test_groups_are_inverted_each_on_its_own_and_restored(solver: wf.solvers.Solver) -> None:
    p = problem("mlp").problem
    operator = wf.BlockDiagonal(blocks=("0.*", "2.*")).fit(p)
    vectors = torch.randn(p.size, 3, dtype=p.dtype)
    inverse = solver.fit(operator, 0.3)
    apart = [solver.fit(part, 0.3).solve(vectors[places]).x for part, places in zip(operator.parts, operator.places, strict=True)]
    torch.testing.assert_close(inverse.solve(vectors).x, operator.joined(apart), rtol=0, atol=0)
    torch.testing.assert_close(solver.restore(operator, 0.3, inverse.tensors()).solve(vectors).x, inverse.solve(vectors).x)
