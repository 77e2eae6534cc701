"""Influence in few numbers for each layer (LoGra, Choe et al. 2024): gradients on few directions of each side, curvature only among these."""

from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import EmpiricalFisher, Fisher, GaussNewton
from wherefrom.curvature.layerwise import EigenCurvature, Passes
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Dense, Gradients, LayerProjection, LayerProjector, Projection, Rows
from wherefrom.gradients.signed import signed_measurements
from wherefrom.methods.base import FittedMethod, InnerProduct, Method, Work
from wherefrom.methods.influence.damped_inverse import DampedInverse, Project, add_moments, bytes_of, layer_dampings, projector_of, sizes_of, zeros
from wherefrom.problem import Problem


@dataclass(frozen=True)
class ProjectedInfluence(Method):
    """(1/N) wᵢ (P∇m_q)ᵀ (P C Pᵀ + damping I)⁻¹ P gᵢ: influence that sees changes of θ along the rows of P alone. Positive = proponent.

    ``projection``: :class:`wherefrom.LayerProjection`, few directions of each side of each layer, and P C Pᵀ layer by layer; or
    :class:`wherefrom.gradients.Projection`, one sketch of all parameters and one matrix. C is ``curvature`` with l2; the sum over outputs that
    ``GaussNewton()`` takes needs a backward pass for each. ``basis``, such as ``KFAC()``, takes the leading eigenvectors of each side in place
    of random directions. ``damping=None``: 0.1 × the mean eigenvalue of each matrix. ``unit`` is that of influence.

    Where no layer has a side longer than the rank it is block-diagonal influence itself. Fitting takes a pass with the curvature's backward
    passes, and a Cholesky factor of rank² by rank² entries for each layer. Raises :class:`UsageError` for damping=0 where C is singular.
    """

    projection: LayerProjection | Projection = LayerProjection(32)
    curvature: Fisher | EmpiricalFisher | GaussNewton = Fisher()
    damping: float | None = None
    basis: EigenCurvature | None = None

    def __post_init__(self) -> None:
        if self.damping is not None and not 0 <= self.damping < float("inf"):
            raise UsageError(f"damping={self.damping} is no damping; give 0 or more, or leave it out.")
        if self.basis is not None and not isinstance(self.projection, LayerProjection):
            raise UsageError("A basis gives directions to each side of each layer; give a LayerProjection, or leave basis= out.")

    def fit(self, problem: Problem) -> FittedMethod:
        """Sum P C Pᵀ over the training data and factor it."""
        gradients = Gradients(problem)
        matrices = zeros(problem, sizes_of(self.projection, gradients.layout), "rank or dimension")
        project, penalties = self._projected(problem, gradients)
        matrices = [matrix.add_(penalty) for matrix, penalty in zip(matrices, penalties, strict=True)]
        for _, weights, halves in Passes(problem, gradients, self.curvature.of, again=False).batches("summing projected gradients"):
            for half in halves:
                for matrix, block in zip(matrices, project(half.rows()).blocks, strict=True):
                    add_moments(matrix, block.dense().flatten(1), weights)
        inverses = [DampedInverse.of(m, own, "damping", problem.weights) for m, own in zip(matrices, self._dampings(matrices), strict=True)]

        def solved(rows: Rows) -> Rows:
            rows, found = project(rows), []
            for inverse, block in zip(inverses, rows.blocks, strict=True):
                found.append(Dense(inverse.solve(block.dense().flatten(1)).view(len(block), *block.shape)))
            return Rows(tuple(found), rows.layout)

        def train(batch: Batch) -> Rows:
            return project(gradients.losses(batch)).scale(batch.weights / problem.normaliser)

        def query(batch: Batch) -> Rows:
            return solved(signed_measurements(gradients, batch))

        return InnerProduct(problem.objective.unit, gradients.size, query, train, lambda batch: solved(gradients.losses(batch)))

    def work(self, problem: Problem) -> Work:
        """One gradient pass, after the curvature's."""
        sketch, sizes = self.projection if isinstance(self.projection, Projection) else None, sizes_of(self.projection, Gradients(problem).layout)
        fitting = f"a curvature pass over the training data, and {len(sizes)} matrices of up to {max(sizes):,}² entries, factored"
        return Work(problem, written=True, projection=sketch, fitting=fitting, bytes=bytes_of(sizes))

    def _projected(self, problem: Problem, gradients: Gradients) -> tuple[Project, list[Tensor]]:
        """P, and what l2 adds to P C Pᵀ."""
        layout, l2 = gradients.layout, gradients.layout.rows(problem.l2[None])
        if isinstance(self.projection, Projection):
            return projector_of(self.projection, layout, problem.l2), [self.projection.of(layout, problem.device).diagonal(l2)]
        if self.basis is None:
            sides = self.projection.of(layout, problem.l2)
        else:
            rank, blocks = self.projection.rank, self.basis.fit(problem).blocks
            sides = LayerProjector(
                layout, tuple((_leading(b.rows, b.values.sum(2), rank, True), _leading(b.columns, b.values.sum(1), rank, False)) for b in blocks)
            )
        return sides, sides.diagonals(l2)

    def _dampings(self, matrices: list[Tensor]) -> list[float]:
        """The damping of each matrix; of one without curvature, the mean of all."""
        if self.damping is not None:
            return [float(self.damping)] * len(matrices)
        return layer_dampings([float(matrix.trace()) for matrix in matrices], [len(matrix) for matrix in matrices])


def _leading(basis: Tensor | None, weights: Tensor, rank: int, stacked: bool) -> Tensor | None:
    """The ``rank`` directions of most weight among eigenvectors (g, s, s) with weights (g, s); groups stand one after the other, or share their axes.

    None where the side is no longer; the entries of most weight where the basis is None.
    """
    if basis is None:
        total = weights.flatten() if stacked else weights.sum(0)
        return None if len(total) <= rank else total.new_zeros(rank, len(total)).scatter_(1, total.topk(rank).indices[:, None], 1.0)
    parts = (basis * weights[:, None]) @ basis.mT
    matrix = torch.block_diag(*parts) if stacked else parts.sum(0)
    return None if len(matrix) <= rank else torch.linalg.eigh(matrix.double()).eigenvectors[:, -rank:].T.to(matrix).contiguous()
