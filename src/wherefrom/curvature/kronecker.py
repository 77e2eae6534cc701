"""K-FAC (Martens & Grosse 2015) and EK-FAC (George et al. 2018; Grosse et al. 2023): the Fisher matrix layer by layer, as Kronecker products."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.kronecker_factors import LONGEST, Grams, MomentSum, SecondMoments, eigen_blocks
from wherefrom.curvature.layerwise import MEASURING, BlockEigen, EigenCurvature, Passes, fit_eigenvalues, restored
from wherefrom.curvature.outputs import DrawnTargets, LossCurvature, OutputCurvature
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients
from wherefrom.problem import Problem
from wherefrom.store import UnfinishedFit, beneath, under

SUMMING = "fitting Kronecker factors"


@dataclass(frozen=True)
class KFAC(EigenCurvature):
    """F ≈ ⊕ A ⊗ S by layers, A = E[aaᵀ] of what a layer is given and S = E[ddᵀ] of what its output changes, plus diag(l2).

    Targets are drawn from the model: ``samples`` for each example from noise that depends on ``seed`` and its id alone; ``samples=None`` sums
    over the outputs instead (a backward pass for each), which is exact. Positions of a sequence or image count as independent. Embeddings keep
    the diagonal over tokens; layers whose gradient is one row (norms, biases) are exact; what has no factors is approximated by the second
    moments of its rows and columns. l2 that differs within a layer keeps its diagonal in the layer's eigenbasis. ``blocks`` keeps each of A and S
    as that many diagonal blocks, whose eigenvectors take blocks² times less (Grosse et al. 2023, appendix A): for sides of many thousands. Of a
    side with more than ``longest`` entries, such as a vocabulary, the diagonal alone is kept, and a warning says so.
    """

    seed: int = 0
    samples: int | None = 1
    blocks: int = 1
    longest: int = LONGEST

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> BlockEigen:
        """One forward and ``samples`` backward passes over the training data, then the eigenvectors of each side of each layer."""
        return _fitted(problem, _drawn(self.samples, self.seed), self.blocks, self.longest, resume, corrected=False)


@dataclass(frozen=True)
class EKFAC(EigenCurvature):
    """K-FAC with each layer's eigenvalues measured in its eigenbasis, Λ = E[(Q_Sᵀ G Q_A)²]: of all such diagonals the nearest to F.

    Settings as for :class:`KFAC`. Gradients are turned into the eigenbasis by their factors, so that none is written out where a layer sees
    one position of each example.
    """

    seed: int = 0
    samples: int | None = 1
    blocks: int = 1
    longest: int = LONGEST

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> BlockEigen:
        """K-FAC's passes twice: for the bases, and for the eigenvalues in them."""
        return _fitted(problem, _drawn(self.samples, self.seed), self.blocks, self.longest, resume, corrected=True)


def _drawn(samples: int | None, seed: int) -> OutputCurvature:
    return LossCurvature() if samples is None else DrawnTargets(samples, seed)


def _fitted(problem: Problem, of: OutputCurvature, parts: int, longest: int, resume: UnfinishedFit | None, *, corrected: bool) -> BlockEigen:
    if parts < 1:
        raise UsageError(f"blocks={parts} is no number of blocks; give 1 or more.")
    gradients = Gradients(problem)
    for shape in gradients.layout.blocks:
        if max(shape.rows, sum(shape.columns)) > longest and shape.names != gradients.coverage.rest and min(shape.rows, sum(shape.columns)) > 1:
            warnings.warn(
                f"{shape.names[0]!r} has a side of {max(shape.rows, sum(shape.columns)):,}: of its curvature there the diagonal alone is kept; "
                "longest= takes more, parameters= leaves it out.",
                stacklevel=5,
            )
    passes = Passes(problem, gradients, of, again=corrected)
    with torch.no_grad():
        earlier = resume.read() if resume else None
        if earlier and earlier[0] == MEASURING:
            blocks = restored(earlier[2], len(gradients.layout.blocks), problem.device)
        else:
            blocks = eigen_blocks(_summed(passes, longest, resume), parts)
        fitted = fit_eigenvalues(passes, blocks, resume) if corrected else BlockEigen(problem, gradients.layout, blocks)
    return fitted.penalised()


def _summed(passes: Passes, longest: int, resume: UnfinishedFit | None) -> list[SecondMoments]:
    """The moments of each layer over all examples."""
    sums, done = [MomentSum(longest=longest) for _ in passes.gradients.layout.blocks], 0
    earlier = resume.read() if resume else None
    if earlier and earlier[0] == SUMMING:
        _, done, tensors = earlier
        sums = [MomentSum(SecondMoments.of(under(str(k), tensors), passes.problem.device), longest) for k in range(len(sums))]

    def state() -> dict[str, Tensor]:
        return {name: value for k, total in enumerate(sums) for name, value in beneath(str(k), total.moments().tensors()).items()}

    for number, weights, halves in passes.batches(SUMMING, done):
        for half in halves:
            rows, grams = half.rows(factors=True), Grams(longest)
            for total, block in zip(sums, rows.blocks, strict=True):
                total.add(block, weights, grams)
        if resume:
            resume.note(SUMMING, number + 1, state)
    return [total.moments() for total in sums]
