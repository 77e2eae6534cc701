"""A tree ensemble with its training data as a problem: queries, ids, weights and retraining as for any other model."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.data.batches import Batch, joined
from wherefrom.data.examples import Data, Examples
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.trees.boosted import Boosted
from wherefrom.trees.forest import Forest
from wherefrom.trees.forms import Estimator, Inputs, Table
from wherefrom.trees.table import TableForm
from wherefrom.trees.targets import TargetForm
from wherefrom.types import Ids, Tree

Structure = Boosted | Forest
NO_GRADIENTS = (
    "Boosted trees are no stationary point of one objective over their leaf values, so methods by gradient and curvature do not apply; "
    "use those of wf.trees, such as wf.trees.LeafInfluence()."
)
ESTIMATOR, WEIGHTS = "estimator", "row weights"


class TreeModel(nn.Module):
    """What stands for an ensemble where a module is asked for: its leaf values are its parameter."""

    def __init__(self, structure: Structure) -> None:
        """Copy the leaf values."""
        super().__init__()
        self.values = nn.Parameter(torch.from_numpy(structure.values.copy()))
        self.start = nn.Parameter(torch.from_numpy(structure.start.astype(np.float64)), requires_grad=False)

    def held(self) -> dict[str, Tensor]:
        """Return leaf values and start by name."""
        return {name: value.detach() for name, value in self.named_parameters()}

    def forward(self, *_: object, **__: object) -> Tensor:
        """Refuse: a method that runs the module wants its gradients."""
        raise UsageError(NO_GRADIENTS)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a structure comes from: the estimator, and the whole table and targets that it was read with."""

    estimator: Estimator
    table: Tensor
    y: np.ndarray
    form: TableForm
    targets: TargetForm
    weights: np.ndarray
    read: Callable[[Any, Any, np.ndarray, np.ndarray], Structure]

    @cached_property
    def structure(self) -> Structure:
        """The structure, with the leaf of every row of the table."""
        return self.read(self.estimator, self.form.decode(self.table), self.y, self.weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class TreeProblem(Problem):
    """A tree ensemble, its objective and the rows it was trained on; make one with :func:`wherefrom.trees.read`.

    ``model`` holds the leaf values as its parameter; an example's inputs are its place in the table of training (-1 for others) and the bits of
    its columns.
    """

    origin: Origin = field(repr=False)

    @property
    def structure(self) -> Structure:
        """The trees as plain numbers."""
        return self.origin.structure

    @property
    def estimator(self) -> Estimator:
        """The fitted estimator."""
        return self.origin.estimator

    def queries(self, X: Table, y: Table, ids: Ids | None = None) -> Examples:
        """Return queries of a table and its targets, with ids of their own where given."""
        return queries_of((X, y), form=self.origin.form, targets=self.origin.targets, ids=ids)

    def to(self, dtype: torch.dtype) -> "TreeProblem":
        """The same problem: trees are computed in float64."""
        return self

    def at(self, parameters: Mapping[str, Tensor]) -> "TreeProblem":
        """The same problem at other leaf values, or with another estimator (as :func:`wherefrom.trees.retrain` packs it)."""
        if ESTIMATOR not in parameters:
            return super().at(parameters)  # type: ignore[return-value]
        origin = replace(self.origin, estimator=unpacked(parameters[ESTIMATOR]), weights=parameters[WEIGHTS].numpy())
        model = TreeModel(origin.structure).eval()
        return replace(self, origin=origin, model=model, state=model.held())

    def outputs(self, inputs: Tree, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """What the ensemble says: raw outputs (B,) or (B, K) of boosting, means and probabilities of a forest."""
        state = {**self.state, **(parameters or {})}
        if any(value.requires_grad for value in state.values()):
            raise UsageError(NO_GRADIENTS)
        values, start = (state[name].detach().cpu().double().numpy() for name in ("values", "start"))
        raw = torch.from_numpy(self.structure.predict(self.leaves_of(inputs), values, start))
        return raw[:, 0] if self.structure.outputs == 1 else raw

    def leaves_of(self, inputs: Inputs) -> np.ndarray:
        """Return the leaves (B, rounds, trees) of a batch's inputs."""
        rows = inputs["row"].numpy()
        if len(rows) and (rows >= 0).all():
            return self.structure.leaves[rows]
        return self.structure.route(self.origin.form.decode(inputs["table"]))

    @cached_property
    def places(self) -> np.ndarray:
        """For each row of the table of training, its place among the training examples, or -1."""
        found = np.full(len(self.origin.y), -1)
        found[self.train.rows] = np.arange(len(self))
        return found

    @cached_property
    def targets(self) -> np.ndarray:
        """The training targets (n,): numbers, or classes counted from 0."""
        batch = joined(replace(part, inputs=None) for part in self.batches(size=1 << 16))
        return batch.targets.double().numpy()

    @property
    def row_weights(self) -> np.ndarray:
        """The weight of every row of the table of training, 0 where it is left out."""
        found = np.zeros(len(self.origin.y))
        found[self.train.rows] = self.weights.double().numpy()
        return found

    def table(self) -> Table:
        """Return the training examples as a table in the form that was given."""
        parts = [batch.inputs["table"] for batch in self.batches(size=1 << 16)]
        return self.origin.form.decode(torch.cat(parts))

    def cotangents(self, batch: Batch, outputs: Tensor | None = None) -> np.ndarray:
        """Return the derivative of each query's worsening in its raw outputs (B, K), at the model's or at other outputs."""
        with torch.enable_grad():
            raw = (self.outputs(batch.inputs) if outputs is None else outputs).detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.measurements(raw, batch).sum(), raw)
        return self.objective.sign * slope.reshape(len(batch), -1).numpy()

    def describe(self) -> str:
        """The problem in words."""
        trees = int(np.prod(self.structure.sizes.shape))
        kind = "a forest" if isinstance(self.structure, Forest) else "boosting"
        return "\n".join(
            [
                f"{type(self.estimator).__name__} of {self.structure.library}: {kind}, {trees:,} trees, {int(self.structure.sizes.sum()):,} leaves",
                f"{len(self):,} training examples, N = {self.normaliser:g}",
                self.objective.describe(),
            ]
        )


def packed(estimator: Estimator, weights: np.ndarray) -> dict[str, Tensor]:
    """Return an estimator and the weights of all rows in its training as parameters, which travel where parameters do."""
    return {ESTIMATOR: torch.frombuffer(bytearray(pickle.dumps(estimator)), dtype=torch.uint8), WEIGHTS: torch.from_numpy(weights)}


def unpacked(parameter: Tensor) -> Estimator:
    """Return the estimator that was packed in this or another process of the same run."""
    return pickle.loads(parameter.numpy().tobytes())


def encoded(table: Tensor, rows: np.ndarray, y: np.ndarray, classes: bool, ids: Ids | None) -> Examples:
    """Return rows of bits with their places and targets as examples."""
    targets = torch.from_numpy(y.astype(np.int64) if classes else y.astype(np.float64))
    return Examples.of(({"row": torch.from_numpy(rows), "table": table}, targets), ids)


def queries_of(data: Data, *, form: TableForm, targets: TargetForm, ids: Ids | None = None) -> Examples:
    """Return queries, given as (table, targets) or as examples of them."""
    if isinstance(data, Examples):
        parts: list[Any] = [batch for _, batch in data.read(1 << 16)]
        if isinstance(parts[0], (tuple, list)) and isinstance(parts[0][0], dict) and parts[0][0].keys() == {"row", "table"}:
            return data
        given, wanted = (torch.cat([part[place] for part in parts]).numpy() for place in (0, 1))
        return queries_of((given, wanted), form=form, targets=targets, ids=data.ids)
    if not isinstance(data, tuple) or len(data) != 2:
        raise UsageError(f"Queries of trees are (X, y), a table and its targets, not a {type(data).__name__}.")
    table, y = form.encode(_plain(data[0])), targets.encode(data[1])
    if len(table) != len(y):
        raise UsageError(f"{len(y)} targets for {len(table)} rows; give one target for each.")
    return encoded(table, np.full(len(y), -1), y, bool(targets.classes is not None), ids)


def _plain(table: Table) -> Any:
    return table.detach().cpu().numpy() if isinstance(table, Tensor) else table


def reader_of(origin: Origin) -> Callable[[Data], Examples]:
    """Return what makes examples of queries."""
    return partial(queries_of, form=origin.form, targets=origin.targets)
