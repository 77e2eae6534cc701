"""TrackStar (Chang et al. 2024): cosines of projected gradients, entry by entry over their usual size and whitened by their second moments."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wherefrom.checkpoints import Checkpoint, as_checkpoints
from wherefrom.data.batches import Batch
from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.gradients import Dense, Gradients, LayerProjection, Projection, Rows
from wherefrom.gradients.blocks import pieces
from wherefrom.gradients.signed import normalise, reciprocal, signed_measurements
from wherefrom.methods.base import FittedMethod, InnerProduct, Method, Work
from wherefrom.methods.influence.damped_inverse import DampedInverse, add_moments, bytes_of, layer_dampings, projector_of, sizes_of, zeros
from wherefrom.methods.trajectory.checkpoint_states import adam_at, states_at
from wherefrom.problem import Problem
from wherefrom.progress import track

COPIES = 3  # of the written gradients while they are projected


@dataclass(frozen=True, eq=False)
class TrackStar(Method):
    """cos(R^-½ u_q, R^-½ uᵢ), u = P (∇ / √V): V the second moment of each entry of the gradient, R that of the projected u; ``unit="arbitrary"``.

    V comes from the moments of Adam in ``checkpoint`` (a path, or a :class:`wherefrom.checkpoints.Checkpoint`, at whose weights gradients are
    taken); without one it is the mean squared gradient of the training examples, and the weights are the problem's. An entry that no gradient has
    reached counts nothing. R = (1 - mixing) (mean of uᵢuᵢᵀ over the training examples) + mixing (the same over ``evaluation``, examples like the
    queries): what queries of one form have in common then counts less. ``damping`` is that of R, by default 0.1 × the mean eigenvalue of each matrix:
    one for each layer under a :class:`wherefrom.LayerProjection`, one in all under a :class:`wherefrom.gradients.Projection`. Positive = proponent;
    lengths play no part. Raises :class:`UsageError` for a checkpoint without moments, and for damping=0 where R is singular.
    """

    checkpoint: Any = None
    projection: LayerProjection | Projection = LayerProjection(16)
    mixing: float = 0.0
    evaluation: Queries | None = None
    damping: float | None = None

    def __post_init__(self) -> None:
        if self.damping is not None and not 0 <= self.damping < float("inf"):
            raise UsageError(f"damping={self.damping} is no damping; give 0 or more, or leave it out.")
        if not 0 <= self.mixing <= 1 or (self.mixing > 0) != (self.evaluation is not None):
            raise UsageError(f"mixing={self.mixing:g} is the share, up to 1, of evaluation= in the second moments; give both, or neither.")

    def __repr__(self) -> str:
        shown = {"projection": self.projection, "mixing": self.mixing or None, "damping": self.damping}
        said = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"TrackStar({'1 checkpoint, ' if self.checkpoint is not None else ''}{said})"

    def fit(self, problem: Problem) -> FittedMethod:
        """Take V where no checkpoint gives it, and R."""
        moments = None
        if self.checkpoint is not None:
            checkpoints = as_checkpoints([self.checkpoint], 1.0)
            problem, moments = problem.at(states_at(problem, checkpoints)[0]), _adams(problem, checkpoints[0])
        gradients = Gradients(problem)
        fitting = problem.budget // 8 // (COPIES * problem.size * problem.dtype.itemsize)
        size = problem.batch_size or max(1, min(gradients.size, fitting))
        if moments is None:
            moments = _mean_squares(problem, gradients, size)
        scales, project = [reciprocal(one.sqrt()) for one in moments], projector_of(self.projection, gradients.layout, problem.l2)

        def projected(rows: Rows) -> Rows:
            blocks = tuple(Dense(block.dense() * scale) for block, scale in zip(rows.blocks, scales, strict=True))
            return project(Rows(blocks, rows.layout))

        inverses = self._inverses(problem, gradients, projected, size)

        def whitened(rows: Rows) -> Rows:
            few = projected(rows)
            found = [inverse.whiten(block.dense().flatten(1)).view(-1, *block.shape) for inverse, block in zip(inverses, few.blocks, strict=True)]
            return normalise(Rows(tuple(map(Dense, found)), few.layout))

        def query(batch: Batch) -> Rows:
            return whitened(signed_measurements(gradients, batch))

        def train(batch: Batch) -> Rows:
            return whitened(gradients.losses(batch))

        return InnerProduct("arbitrary", size, query, train, train)

    def work(self, problem: Problem) -> Work:
        """One gradient pass, after one for R and one for V."""
        sizes, passes = sizes_of(self.projection, Gradients(problem).layout), 1 if self.checkpoint is not None else 2
        sketch = self.projection if isinstance(self.projection, Projection) else None
        said = f"{passes} more pass{'es' * (passes > 1)} over the training data, and {len(sizes)} matrices of up to {max(sizes):,}² entries, factored"
        return Work(problem, written=True, projection=sketch, fitting=said, bytes=bytes_of(sizes))

    def _inverses(self, problem: Problem, gradients: Gradients, projected: Callable[[Rows], Rows], size: int) -> list[DampedInverse]:
        """R⁻¹ of each matrix."""
        sizes = sizes_of(self.projection, gradients.layout)
        matrices = zeros(problem, sizes, "rank or dimension")

        def add(batches: Iterable[Batch], rows: Callable[[Batch], Rows], share: float, count: int) -> None:
            for batch in track(batches, "summing projected gradients", -(-count // size), True):
                for matrix, block in zip(matrices, projected(rows(batch)).blocks, strict=True):
                    add_moments(matrix, block.dense().flatten(1), batch.weights * share)

        if self.mixing < 1:
            add(problem.batches(size=size), gradients.losses, (1 - self.mixing) / float(problem.weights.sum()), len(problem))
        if self.evaluation is not None:
            asked = problem.examples(self.evaluation)
            add(problem.batches(asked, size=size), gradients.measurements, self.mixing / len(asked), len(asked))
        dampings = [float(self.damping)] * len(sizes) if self.damping is not None else layer_dampings([float(m.trace()) for m in matrices], sizes)
        return [DampedInverse.of(m, damping, "damping", problem.weights) for m, damping in zip(matrices, dampings, strict=True)]


def _adams(problem: Problem, checkpoint: Checkpoint) -> list[Tensor]:
    """Adam's second moments, layer by layer (o, i)."""
    moments = adam_at(problem, checkpoint, "leave out checkpoint=")
    flat = problem.flatten({name: moments[name].second.to(value) for name, value in problem.parameters.items()})
    return [block.dense()[0] for block in Gradients(problem).layout.rows(flat[None]).blocks]


def _mean_squares(problem: Problem, gradients: Gradients, size: int) -> list[Tensor]:
    """The mean squared gradient of each entry over the training examples, layer by layer (o, i)."""
    sums = [torch.zeros_like(block.dense()[0]) for block in gradients.layout.rows(problem.l2[None]).blocks]
    for batch in track(problem.batches(size=size), "measuring gradients", -(-len(problem) // size), True):
        with torch.no_grad():
            for total, block in zip(sums, gradients.losses(batch).blocks, strict=True):
                for some, values in pieces(block):
                    total += torch.einsum("k,koi->oi", batch.weights[some], values.square())
    return [total / problem.weights.sum() for total in sums]
