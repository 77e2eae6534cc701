"""K-FAC (Martens & Grosse 2015) and EK-FAC (George et al. 2018; Grosse et al. 2023): the Fisher matrix layer by layer, as Kronecker products."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from whence.curvature.eigen_block import EigenBlock, Moments, moments
from whence.curvature.operator import Curvature, Operator, written_out
from whence.curvature.outputs import DrawnTargets, LossCurvature, OutputCurvature
from whence.errors import UsageError
from whence.gradients import Dense, Gradients, Layout, Rows
from whence.problem import Problem
from whence.progress import track

LAYER_DAMPING = 0.1  # of a layer's mean eigenvalue


class BlockEigen(Operator):
    """A curvature that is known by its eigenvalues, a block for each layer."""

    semidefinite = True

    def __init__(self, problem: Problem, layout: Layout, blocks: tuple[EigenBlock, ...]) -> None:
        self.problem, self.layout, self.blocks = problem, layout, blocks

    def apply(self, vectors: Tensor) -> Tensor:
        return self.weighed(self.layout.rows(vectors.T), [block.values for block in self.blocks]).flat().T

    def weighed(self, rows: Rows, weights: list[Tensor]) -> Rows:
        """Rows whose parts along each eigenvector are multiplied by a weight (g, o, i)."""
        rows.check(self.layout)
        found = (Dense(eigen.scaled(block, weight)) for eigen, block, weight in zip(self.blocks, rows.blocks, weights, strict=True))
        return Rows(tuple(found), self.layout)

    def dense(self) -> Tensor:
        return written_out(self)

    def mean_eigenvalue(self) -> float:
        return float(sum(block.values.double().sum() for block in self.blocks)) / self.size

    def default_damping(self) -> Tensor:
        """0.1 × the mean eigenvalue of each layer, as a column (d, 1); of all layers where one has none."""
        means = [float(block.values.double().mean()) for block in self.blocks]
        overall = self.mean_eigenvalue()
        if not overall > 0:
            raise UsageError(f"The curvature's mean eigenvalue is {overall:.2g}, so no damping follows from it; give damping= yourself.")
        column = [
            eigen.values.new_full((1, *_sides(eigen)), LAYER_DAMPING * (mean or overall)) for eigen, mean in zip(self.blocks, means, strict=True)
        ]
        return Rows(tuple(Dense(part) for part in column), self.layout).flat().T

    def damped(self, damping: float | Tensor) -> list[Tensor]:
        """Eigenvalues plus damping: one number, or a column (d, 1), whose nearest diagonal in each layer's basis counts."""
        if not isinstance(damping, Tensor):
            return [block.values + damping for block in self.blocks]
        rows = self.layout.rows(damping.T)
        return [eigen.values + eigen.diagonal(block.dense()[0]) for eigen, block in zip(self.blocks, rows.blocks, strict=True)]


def _sides(eigen: EigenBlock) -> tuple[int, int]:
    groups, o, i = eigen.values.shape
    return groups * o, i


@dataclass(frozen=True)
class KFAC(Curvature):
    """F ≈ ⊕ A ⊗ S by layers, A = E[aaᵀ] of what a layer is given and S = E[ddᵀ] of what its output changes, plus diag(l2).

    Targets are drawn from the model: ``samples`` for each example from noise that depends on ``seed`` and its id alone; ``samples=None`` sums
    over the outputs instead (a backward pass for each), which is exact. Positions of a sequence or image count as independent. Embeddings keep
    the diagonal over tokens; layers whose gradient is one row (norms, biases) are exact; what has no factors is approximated by the second
    moments of its rows and columns. l2 that differs within a layer keeps its diagonal in the layer's eigenbasis.
    """

    seed: int = 0
    samples: int | None = 1

    def fit(self, problem: Problem) -> Operator:
        """One forward and ``samples`` backward passes over the training data, then the eigenvectors of each side of each layer."""
        return _fitted(problem, _drawn(self.samples, self.seed), corrected=False)


@dataclass(frozen=True)
class EKFAC(Curvature):
    """K-FAC with each layer's eigenvalues measured in its eigenbasis, Λ = E[(Q_Sᵀ G Q_A)²]: of all such diagonals the nearest to F.

    Settings as for :class:`KFAC`. Gradients are turned into the eigenbasis by their factors, so that none is written out where a layer sees
    one position of each example.
    """

    seed: int = 0
    samples: int | None = 1

    def fit(self, problem: Problem) -> Operator:
        """K-FAC's passes twice: for the bases, and for the eigenvalues in them."""
        return _fitted(problem, _drawn(self.samples, self.seed), corrected=True)


def _drawn(samples: int | None, seed: int) -> OutputCurvature:
    return LossCurvature() if samples is None else DrawnTargets(samples, seed)


def _fitted(problem: Problem, of: OutputCurvature, *, corrected: bool) -> BlockEigen:
    gradients = Gradients(problem)
    with torch.no_grad():
        sums: list[Moments] = []
        for weights, rows in _passes(problem, gradients, of, "fitting Kronecker factors", factors=True):
            found = [moments(block, weights) for block in rows.blocks]
            if not sums:
                sums = found
            else:
                for total, part in zip(sums, found, strict=True):
                    total.add(part)
        blocks = [total.eigen() for total in sums]
        if corrected:
            values = [torch.zeros_like(block.values) for block in blocks]
            for weights, rows in _passes(problem, gradients, of, "fitting eigenvalues"):
                for eigen, total, block in zip(blocks, values, rows.blocks, strict=True):
                    total += eigen.second_moments(block, weights)
            blocks = [replace(eigen, values=total) for eigen, total in zip(blocks, values, strict=True)]
        penalty = gradients.layout.rows(problem.l2[None])
        finished = [replace(e, values=e.values + e.diagonal(part.dense()[0])) for e, part in zip(blocks, penalty.blocks, strict=True)]
    return BlockEigen(problem, gradients.layout, tuple(finished))


def _passes(problem: Problem, gradients: Gradients, of: OutputCurvature, what: str, *, factors: bool = False) -> Iterator[tuple[Tensor, Rows]]:
    """(wᵢ/N, rows) of each batch, for each half of the outputs' curvature."""
    total = -(-len(problem) // gradients.size)
    for batch in track(problem.batches(size=gradients.size), what, total, True):

        def halves(outputs: Tensor, batch=batch) -> Iterator[Tensor]:
            return of.halves(problem, outputs, batch)

        for rows in gradients.pulled_back(batch, halves, factors=factors):
            yield batch.weights / problem.normaliser, rows
