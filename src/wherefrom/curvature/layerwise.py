"""Curvatures that are known by their eigenvalues, layer by layer, and the passes over the data that measure them."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from wherefrom.curvature.eigen_inverse import EigenInverse
from wherefrom.curvature.eigenbasis import EigenBlock, weighed
from wherefrom.curvature.operator import Curvature, Operator, written_out
from wherefrom.curvature.outputs import OutputCurvature
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Dense, Gradients, Layout, Rows
from wherefrom.gradients.capture import Recorded
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.store import UnfinishedFit, beneath, under

LAYER_DAMPING = 0.1  # of a layer's mean eigenvalue
MEASURING = "fitting eigenvalues"


class BlockEigen(Operator):
    """A curvature that is known by its eigenvalues, a block for each layer."""

    semidefinite = True

    def __init__(self, problem: Problem, layout: Layout, blocks: tuple[EigenBlock, ...]) -> None:
        self.problem, self.layout, self.blocks = problem, layout, blocks

    def apply(self, vectors: Tensor) -> Tensor:
        return weighed(self.layout.rows(vectors.T), self.layout, self.blocks, [block.values for block in self.blocks]).flat().T

    def own_inverse(self, damping: float | Tensor, tolerance: float) -> EigenInverse:
        undamped = not bool((torch.as_tensor(damping) > 0).all())
        return EigenInverse.of(self.layout, self.blocks, self.damped(damping), tolerance, undamped=undamped)

    def penalised(self) -> "BlockEigen":
        """The same plus diag(l2), of which each layer keeps the diagonal in its basis."""
        penalty = self.layout.rows(self.problem.l2[None])
        found = [replace(e, values=e.values + e.diagonal(part.dense()[0])) for e, part in zip(self.blocks, penalty.blocks, strict=True)]
        return BlockEigen(self.problem, self.layout, tuple(found))

    def tensors(self) -> dict[str, Tensor]:
        return {name: value for number, block in enumerate(self.blocks) for name, value in beneath(str(number), block.tensors()).items()}

    def dense(self) -> Tensor:
        return written_out(self)

    def mean_eigenvalue(self) -> float:
        return float(sum(block.values.double().sum() for block in self.blocks)) / self.size

    def default_damping(self) -> float | Tensor:
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


class EigenCurvature(Curvature):
    """Settings of a curvature that is known by its eigenvalues; a fit takes passes over the data and can be taken up where it was killed."""

    @abstractmethod
    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> BlockEigen: ...

    def restore(self, problem: Problem, tensors: Mapping[str, Tensor]) -> BlockEigen:
        layout = Gradients(problem).layout
        return BlockEigen(problem, layout, restored(tensors, len(layout.blocks), problem.device))


def restored(tensors: Mapping[str, Tensor], count: int, device: torch.device) -> tuple[EigenBlock, ...]:
    """Blocks from their saved tensors."""
    found = []
    for number in range(count):
        own = {name: value.to(device) for name, value in under(str(number), tensors).items()}
        found.append(EigenBlock(own.get("rows"), own.get("columns"), own["values"]))
    return tuple(found)


class Passes:
    """The passes over the data that a fit takes, the rows of each half of the outputs' curvature in each.

    With ``again`` what fits into half of the memory budget is kept for the next pass, which runs the model for the rest alone.
    """

    def __init__(self, problem: Problem, gradients: Gradients, of: OutputCurvature, *, again: bool) -> None:
        self.problem, self.gradients, self.of = problem, gradients, of
        self.room = problem.budget // 2 if again else 0
        self.size = gradients.size  # once, since it goes by the memory that is free, and what is kept goes by the batch's number
        self.kept: dict[int, list[Recorded]] = {}

    def batches(self, what: str, done: int = 0) -> Iterator[tuple[int, Tensor, Iterable[Recorded]]]:
        """(number, wᵢ/N, what gives the rows for each half) of each batch after the first ``done``."""
        count = -(-len(self.problem) // self.size)
        for number, batch in enumerate(track(self.problem.batches(size=self.size), what, count, True)):
            if number >= done:
                yield number, batch.weights / self.problem.normaliser, self.kept.get(number) or self._taken(number, batch)

    def _taken(self, number: int, batch: Batch) -> Iterator[Recorded]:
        taken: list[Recorded] = []
        for found in self.gradients.pulled_back(batch, lambda outputs: self.of.halves(self.problem, outputs, batch)):
            yield found
            self.room -= found.nbytes
            taken = [*taken, found] if self.room > 0 else []
        if taken:
            self.kept[number] = taken


def fit_eigenvalues(passes: Passes, blocks: tuple[EigenBlock, ...], resume: UnfinishedFit | None = None) -> BlockEigen:
    """The curvature whose eigenvalues are best in these bases: the mean of squared gradients there."""
    problem, layout = passes.problem, passes.gradients.layout
    values, done = [torch.zeros_like(block.values) for block in blocks], 0
    earlier = resume.read() if resume else None
    if earlier and earlier[0] == MEASURING:
        blocks, done = restored(earlier[2], len(blocks), problem.device), earlier[1]
        values = [block.values for block in blocks]

    def now() -> BlockEigen:
        return BlockEigen(problem, layout, tuple(replace(eigen, values=total) for eigen, total in zip(blocks, values, strict=True)))

    for number, weights, halves in passes.batches(MEASURING, done):
        for half in halves:
            for eigen, total, block in zip(blocks, values, half.rows().blocks, strict=True):
                total += eigen.second_moments(block, weights)
        if resume:
            resume.note(MEASURING, number + 1, lambda: now().tensors())
    return now()
