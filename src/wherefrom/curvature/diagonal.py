"""Curvatures without any coupling between parameters: the diagonal of another one, and none at all."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.eigenbasis import EigenBlock
from wherefrom.curvature.gauss_newton import GaussNewton, PulledBack
from wherefrom.curvature.layerwise import BlockEigen, EigenCurvature, Passes, fit_eigenvalues
from wherefrom.curvature.operator import Curvature, Operator
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Layout
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.store import UnfinishedFit

STEP = 256  # columns of an operator taken at a time


@dataclass(frozen=True)
class Diagonal(EigenCurvature):
    """diag(C) of another curvature C, exact: the inverse is a division.

    For Gauss-Newton and Fisher matrices one forward pass and a backward pass for each output or draw, (1/N) Σᵢ wᵢ Σₖ (Jᵢᵀuₖ)², no gradient
    written out where a layer sees one position of each example. Any other curvature takes d products, such as the Hessian, whose diagonal
    may have negative entries.
    """

    of: Curvature = GaussNewton()

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> BlockEigen:
        """The operator at the problem's parameters."""
        gradients = Gradients(problem)
        with torch.no_grad():
            if isinstance(self.of, PulledBack):
                passes = Passes(problem, gradients, self.of.of, again=False)
                return fit_eigenvalues(passes, _flat(gradients.layout, problem.l2.new_zeros(())), resume).penalised()
            operator = self.of.fit(problem)
            entries = gradients.layout.rows(_diagonal(operator)[None])
            blocks = tuple(EigenBlock(None, None, block.dense()) for block in entries.blocks)
            return Signed(problem, gradients.layout, blocks, operator.semidefinite)

    def restore(self, problem: Problem, tensors: Mapping[str, Tensor]) -> BlockEigen:
        found = super().restore(problem, tensors)
        return found if isinstance(self.of, PulledBack) else Signed(problem, found.layout, found.blocks)


class Signed(BlockEigen):
    """Entries that may be below 0."""

    def __init__(self, problem: Problem, layout: Layout, blocks: tuple[EigenBlock, ...], semidefinite: bool = False) -> None:
        super().__init__(problem, layout, blocks)
        self.semidefinite = semidefinite

    def default_damping(self) -> float | Tensor:
        """As ever; what follows from a mean below 0 would take more away."""
        for shape, block in zip(self.layout.blocks, self.blocks, strict=True):
            mean = float(block.values.double().mean())
            if mean < 0:
                raise UsageError(
                    f"The mean of the diagonal at {shape.names[0]} is {mean:.2g}, so no damping follows from it; give damping= yourself."
                )
        return super().default_damping()


@dataclass(frozen=True)
class Identity(Curvature):
    """The identity matrix: no curvature at all, not even the penalty's. Influence is then the gradient dot product, times wᵢ/N."""

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> BlockEigen:
        """The operator, which no data are read for."""
        layout = Gradients(problem).layout
        return Unit(problem, layout, _flat(layout, problem.l2.new_ones(())))


class Unit(BlockEigen):
    """I, which needs no damping."""

    @property
    def positive_definite(self) -> bool:
        return True

    def default_damping(self) -> float:
        return 0.0


def _flat(layout: Layout, value: Tensor) -> tuple[EigenBlock, ...]:
    """Blocks in the basis of the parameters themselves, with one eigenvalue."""
    return tuple(EigenBlock(None, None, value.expand(1, shape.rows, sum(shape.columns))) for shape in layout.blocks)


def _diagonal(operator: Operator) -> Tensor:
    """The diagonal of an operator (d,), some columns at a time."""
    found = []
    for places in track(torch.arange(operator.size).split(STEP), "fitting the diagonal", -(-operator.size // STEP)):
        columns = torch.zeros(operator.size, len(places), dtype=operator.problem.dtype, device=operator.problem.device)
        columns[places, torch.arange(len(places))] = 1
        found.append((operator @ columns)[places, torch.arange(len(places))])
    return torch.cat(found)
