"""Perturbation influence (Koh & Liang 2017, section 2.2): what a change of a training example's input would do to a query."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.double_backward import Kernels
from wherefrom.curvature.mixed_derivatives import mixed_kernels, mixed_products, real_input
from wherefrom.data.batches import Batch, joined
from wherefrom.data.examples import Examples, Queries
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.rows import cat, summed
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.scores import positions_of
from wherefrom.solvers import IHVP, FittedIHVP
from wherefrom.solvers.warnings_capture import listening
from wherefrom.types import Ids, Tree


@dataclass(frozen=True, eq=False)
class PerturbationInfluence:
    """∂ m_q / ∂ xᵢ through retraining: ``values`` (q, k, *input), in ``unit`` for each unit of the input.

    The rise of the measurement itself, whichever way is better. ``notes`` say what went less than well, such as a solver short of its tolerance.
    """

    values: Tensor
    query_ids: np.ndarray
    train_ids: np.ndarray
    unit: str
    notes: tuple[str, ...] = ()

    def effect(self, changes: Tensor) -> Tensor:
        """The change of each measurement (q, k), at first order, if ``changes`` (k, *input) were added to each example alone."""
        if changes.shape != self.values.shape[1:]:
            raise UsageError(f"The changes have shape {tuple(changes.shape)}; give {tuple(self.values.shape[1:])}, as the values have.")
        return (self.values * changes.to(self.values)).flatten(2).sum(2)


def perturbation_influence(
    problem: Problem, queries: Queries, ids: Ids, ihvp: IHVP | FittedIHVP = IHVP(), *, aggregate: bool = False, progress: bool = True
) -> PerturbationInfluence:
    """∂ m_q / ∂ xᵢ = -(1/N) wᵢ ∇m_qᵀ (C + damping I)⁻¹ ∇ₓ∇θ lossᵢ for the training examples ``ids``: which entry of which input moves a query.

    One solve for each query, or for all with ``aggregate=True``: the sum of their measurements, as "all queries"; then two backward passes for
    each batch of examples, and one more for each query. Exact for any model that torch differentiates twice, which is tried out before. Raises
    :class:`UsageError` for inputs that are no real numbers (token ids: give embeddings), hold several tensors of them, or for a table that does
    not fit into memory.
    """
    asked, chosen = problem.examples(queries), problem.train.select(ids)
    with torch.no_grad(), listening() as notes:
        path = Retraining.of(problem, ihvp.fit(problem))
        tangents = path.solved(asked, aggregate)
        table: Tensor | None = None
        size = path.size(len(tangents[0]))
        for batch in track(path.examples(chosen, size), "perturbation influence", -(-len(chosen) // size), progress):
            values = path.slopes(batch, tangents).cpu()
            if table is None:
                table = _table(problem, (len(values), len(chosen), *values.shape[2:]), values)
            table[:, torch.from_numpy(batch.positions)] = values
    assert table is not None  # examples are never empty
    query_ids = np.array(["all queries"]) if aggregate else asked.ids
    return PerturbationInfluence(_checked(table), query_ids, chosen.ids, problem.objective.unit, tuple(notes))


def replacement_influence(problem: Problem, queries: Queries, ids: Ids, inputs: Tree, ihvp: IHVP | FittedIHVP = IHVP()) -> Tensor:
    """-(1/N) wᵢ ∇m_qᵀ (C + damping I)⁻¹ [∇loss(inputsᵢ) - ∇lossᵢ]: the change of each measurement (q, k) if example i alone had another input.

    Linear in the change of the risk, not in that of the input, which may be large or discrete, such as other token ids; ``inputs`` has a row for
    each id. Koh & Liang 2017, equation 4.
    """
    chosen = problem.train.select(ids)
    others = chosen.with_inputs(inputs, problem.split)
    with torch.no_grad():
        path = Retraining.of(problem, ihvp.fit(problem), inputs=False)
        asked = path.gradient_rows(problem.examples(queries), False)
        products = path.ihvp.against(asked, 2 * len(chosen))
        table = torch.empty(len(asked), len(chosen), dtype=problem.dtype)
        for old in path.examples(chosen, path.gradients.size):
            new = joined(path.examples(others.take(old.positions), len(old)))
            change = products(path.gradients.losses(old)) - products(path.gradients.losses(new))
            table[:, torch.from_numpy(old.positions)] = (change * old.weights / problem.normaliser).cpu()
    return _checked(table)


@dataclass(frozen=True, eq=False)
class Retraining:
    """How measurements follow training inputs at one problem's parameters, the models in between at their minimum."""

    problem: Problem
    gradients: Gradients
    ihvp: FittedIHVP
    kernels: Kernels

    @classmethod
    def of(cls, problem: Problem, ihvp: FittedIHVP, *, inputs: bool = True) -> "Retraining":
        """Proved on a few examples; with ``inputs=False`` for replacements alone, which take no derivative by inputs."""
        return cls(problem, Gradients(problem), ihvp, mixed_kernels(problem) if inputs else Kernels.ALL)

    def at(self, problem: Problem) -> "Retraining":
        """The same with another problem's data and parameters: the inverse and what was proved stay."""
        return Retraining(problem, Gradients(problem, self.gradients.coverage), self.ihvp, self.kernels)

    def size(self, queries: int) -> int:
        """Examples whose products fit into an eighth of the memory budget."""
        entries = real_input(next(self.problem.batches(size=1)).inputs).numel()
        fitting = self.problem.budget // 8 // (4 * queries * entries * self.problem.dtype.itemsize)
        return int(min(self.gradients.size, max(1, fitting)))

    def examples(self, chosen: Examples, size: int) -> Iterator[Batch]:
        """Batches of training examples with their own weights."""
        weights = self.problem.weights[torch.from_numpy(positions_of(chosen.ids, self.problem.ids, "training"))]
        return self.problem.batches(chosen, size, weights)

    def gradient_rows(self, queries: Examples, aggregate: bool) -> Rows:
        """∇m_q, or the sum of all."""
        rows = (self.gradients.measurements(batch) for batch in self.problem.batches(queries, self.gradients.size))
        return summed(rows) if aggregate else cat(rows)

    def solved(self, queries: Examples, aggregate: bool = False) -> list[Tensor]:
        """(C + damping I)⁻¹ ∇m_q, (q, *shape) of each parameter."""
        return list(self.problem.unflatten(self.ihvp.solve(self.gradient_rows(queries, aggregate)).x.T).values())

    def slopes(self, batch: Batch, tangents: list[Tensor]) -> Tensor:
        """∂ m_q / ∂ xᵢ of training examples (q, B, *input)."""
        products = mixed_products(self.problem, batch, tangents, self.kernels)
        return products * (-batch.weights / self.problem.normaliser).view(-1, *[1] * (products.dim() - 2))


def _table(problem: Problem, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Room for all values, unless they do not fit."""
    needed = int(np.prod(shape)) * like.element_size()
    if needed > problem.budget:
        raise UsageError(f"{shape} values take {needed / 1e9:.1f} GB and may take {problem.budget / 1e9:.1f}; ask for fewer ids or queries.")
    return torch.empty(shape, dtype=like.dtype)


def _checked(table: Tensor) -> Tensor:
    if not all_finite(table):
        raise UsageError("The influence of a perturbation is not finite; raise the damping or look for inputs that overflow.")
    return table
