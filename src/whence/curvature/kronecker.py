"""K-FAC (Martens & Grosse 2015) and EK-FAC (George et al. 2018; Grosse et al. 2023): the Fisher matrix layer by layer, as Kronecker products."""

from dataclasses import dataclass

import torch

from whence.curvature.block_eigen import BlockEigen, measured, passes
from whence.curvature.eigen_block import Moments, moments
from whence.curvature.operator import Curvature
from whence.curvature.outputs import DrawnTargets, LossCurvature, OutputCurvature
from whence.errors import UsageError
from whence.gradients import Gradients
from whence.problem import Problem


@dataclass(frozen=True)
class KFAC(Curvature):
    """F ≈ ⊕ A ⊗ S by layers, A = E[aaᵀ] of what a layer is given and S = E[ddᵀ] of what its output changes, plus diag(l2).

    Targets are drawn from the model: ``samples`` for each example from noise that depends on ``seed`` and its id alone; ``samples=None`` sums
    over the outputs instead (a backward pass for each), which is exact. Positions of a sequence or image count as independent. Embeddings keep
    the diagonal over tokens; layers whose gradient is one row (norms, biases) are exact; what has no factors is approximated by the second
    moments of its rows and columns. l2 that differs within a layer keeps its diagonal in the layer's eigenbasis. ``blocks`` keeps each of A and S
    as that many diagonal blocks, whose eigenvectors take blocks² times less (Grosse et al. 2023, appendix A): for sides of many thousands.
    """

    seed: int = 0
    samples: int | None = 1
    blocks: int = 1

    def fit(self, problem: Problem) -> BlockEigen:
        """One forward and ``samples`` backward passes over the training data, then the eigenvectors of each side of each layer."""
        return _fitted(problem, _drawn(self.samples, self.seed), self.blocks, corrected=False)


@dataclass(frozen=True)
class EKFAC(Curvature):
    """K-FAC with each layer's eigenvalues measured in its eigenbasis, Λ = E[(Q_Sᵀ G Q_A)²]: of all such diagonals the nearest to F.

    Settings as for :class:`KFAC`. Gradients are turned into the eigenbasis by their factors, so that none is written out where a layer sees
    one position of each example.
    """

    seed: int = 0
    samples: int | None = 1
    blocks: int = 1

    def fit(self, problem: Problem) -> BlockEigen:
        """K-FAC's passes twice: for the bases, and for the eigenvalues in them."""
        return _fitted(problem, _drawn(self.samples, self.seed), self.blocks, corrected=True)


def _drawn(samples: int | None, seed: int) -> OutputCurvature:
    return LossCurvature() if samples is None else DrawnTargets(samples, seed)


def _fitted(problem: Problem, of: OutputCurvature, parts: int, *, corrected: bool) -> BlockEigen:
    if parts < 1:
        raise UsageError(f"blocks={parts} is no number of blocks; give 1 or more.")
    gradients = Gradients(problem)
    with torch.no_grad():
        sums: list[Moments] = []
        for weights, rows in passes(problem, gradients, of, "fitting Kronecker factors", factors=True):
            found = [moments(block, weights) for block in rows.blocks]
            if not sums:
                sums = found
            else:
                for total, part in zip(sums, found, strict=True):
                    total.add(part)
        blocks = tuple(total.eigen(parts) for total in sums)
        if corrected:
            blocks = measured(problem, gradients, of, blocks)
    return BlockEigen(problem, gradients.layout, blocks).penalised()
