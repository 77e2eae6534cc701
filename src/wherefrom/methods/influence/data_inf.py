"""DataInf (Kwon et al. 2024): influence with the mean of each example's own inverse, layer by layer, so that nothing is factored or iterated."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Dense, Gradients, Rows
from wherefrom.gradients.blocks import Block, Factored, Indexed, parts, pieces, total
from wherefrom.gradients.contraction import products
from wherefrom.gradients.rows import cat, summed
from wherefrom.gradients.signed import signed_measurements
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.methods.influence.damped_inverse import layer_dampings
from wherefrom.problem import Problem
from wherefrom.progress import track


@dataclass(frozen=True)
class DataInf(Method):
    """(1/N) wᵢ Σ_l ∇_l m_qᵀ [(1/Σw) Σⱼ wⱼ (ρ g_jl g_jlᵀ + D_l)⁻¹] g_il, D_l = diag(l2) + damping_l I, g_jl example j's gradient in layer l.

    ρ = Σw / N is 1 unless examples were left out of the problem. Each inverse is D⁻¹ - ρ D⁻¹ggᵀD⁻¹ / (1 + ρ gᵀD⁻¹g), so the mean of them takes two
    products of gradients. The inverse of the mean is what influence with ``EmpiricalFisher()`` by layers takes; the mean of the inverses stands in
    for it, and is near it where damping outweighs single gradients or layers have few parameters, as adapters of low rank have. Positive = proponent;
    ``unit`` is that of influence. ``damping=None``: 0.1 × the mean eigenvalue of each layer.

    Takes one pass over the training data to fit, one for all queries together, one to score; self-influence takes a pass for each batch. Raises
    :class:`UsageError` for damping=0 where a layer has no l2.
    """

    damping: float | None = None

    def __post_init__(self) -> None:
        if self.damping is not None and not 0 <= self.damping < float("inf"):
            raise UsageError(f"damping={self.damping} is no damping; give 0 or more, or leave it out.")

    def fit(self, problem: Problem) -> FittedMethod:
        """Take the damping of each layer from the mean squared length of the gradients there."""
        gradients = Gradients(problem)
        l2 = [block.dense()[0, 0] for block in gradients.layout.rows(problem.l2[None]).blocks]  # a penalty is alike along every column
        dampings = self._dampings(problem, gradients) if self.damping is None else [float(self.damping)] * len(l2)
        columns = [penalty + damping for penalty, damping in zip(l2, dampings, strict=True)]
        if not all(bool((column > 0).all()) for column in columns):
            raise UsageError("Without damping a layer that has no l2 has no inverse; leave out damping= or give a larger one.")
        return _FittedDataInf(problem.objective.unit, gradients.size, problem, gradients, tuple(columns))

    def work(self, problem: Problem) -> Work:
        """One gradient pass, after another for the queries and one to fit."""
        passes = 1 if self.damping is not None else 2
        return Work(problem, written=True, fitting=f"{passes} more pass{'es' * (passes > 1)} over the training data")

    def _dampings(self, problem: Problem, gradients: Gradients) -> list[float]:
        sizes = [prod((shape.rows, sum(shape.columns))) for shape in gradients.layout.blocks]
        traces = [float(block.dense().sum()) for block in gradients.layout.rows(problem.l2[None]).blocks]
        for batch in track(problem.batches(size=gradients.size), "measuring gradients", -(-len(problem) // gradients.size), True):
            with torch.no_grad():
                blocks = gradients.losses(batch).blocks
                traces = [one + float(block.squared_norms() @ batch.weights) / problem.normaliser for one, block in zip(traces, blocks, strict=True)]
        return layer_dampings(traces, sizes)


@dataclass(frozen=True, eq=False)
class _FittedDataInf(FittedMethod):
    """``columns``: D of each layer, alike in all of its rows."""

    unit: str
    size: int
    problem: Problem
    gradients: Gradients
    columns: tuple[Tensor, ...]

    def prepare(self, queries: Iterable[Batch]) -> Score:
        return self._score(cat(signed_measurements(self.gradients, batch) for batch in queries))

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        return self._score(summed(signed_measurements(self.gradients, batch) for batch in queries))

    def own(self, batch: Batch) -> Tensor:
        rows = self.gradients.losses(batch)
        return self._solved(rows).paired(rows) * batch.weights / self.problem.normaliser

    def _score(self, asked: Rows) -> Score:
        solved = self._solved(asked)
        return lambda batch: solved.dot(self.gradients.losses(batch)) * (batch.weights / self.problem.normaliser)

    def _solved(self, rows: Rows) -> Rows:
        """D⁻¹v - Σⱼ (wⱼ/N) D⁻¹gⱼ (gⱼᵀD⁻¹v) / (1 + ρ gⱼᵀD⁻¹gⱼ) of each row v in each layer."""
        with torch.no_grad():
            given = [block.dense().clone() for block in rows.blocks]
            scaled = [Dense(values / column) for values, column in zip(given, self.columns, strict=True)]
            share = float(self.problem.weights.sum()) / self.problem.normaliser
            for batch in track(self.problem.batches(size=self.size), "solving", -(-len(self.problem) // self.size), True):
                weights, blocks = batch.weights / self.problem.normaliser, self.gradients.losses(batch).blocks
                for values, direction, column, block in zip(given, scaled, self.columns, blocks, strict=True):
                    length = _stretched(block, column.rsqrt()).squared_norms()
                    values -= _combined(block, products(direction, block) * (weights / (1 + share * length)))
            return Rows(tuple(Dense(values / column) for values, column in zip(given, self.columns, strict=True)), rows.layout)


def _stretched(block: Block, columns: Tensor) -> Block:
    """The block with each of its columns times a number."""
    stretched: list[Block] = []
    for part in parts(block):
        if isinstance(part, Factored):
            stretched.append(Factored(part.inputs * columns, part.outputs))
        elif isinstance(part, Indexed):
            stretched.append(Indexed(part.tokens, part.values * columns, part.rows))
        else:
            stretched.append(Dense(part.dense() * columns))
    return total(stretched)


def _combined(block: Block, shares: Tensor) -> Tensor:
    """Σⱼ shares[q, j] gⱼ (q, o, i), a few gradients written out at a time."""
    sums = shares.new_zeros(len(shares), block.shape[0] * block.shape[1])
    for some, values in pieces(block):
        sums.addmm_(shares[:, some], values.flatten(1))
    return sums.view(-1, *block.shape)
