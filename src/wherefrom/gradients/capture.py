"""Per-example gradients of a whole batch from one forward and one backward pass, as factors of each layer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.trees import leaves
from wherefrom.forward import tensor_outputs
from wherefrom.gradients.blocks import Block, Deferred, Dense, total
from wherefrom.gradients.coverage import Coverage, leaf_of
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.functional import forward_products, looped_gradients, mapped_gradients
from wherefrom.gradients.operations.affine import AffineUse
from wherefrom.gradients.passes import Record, placed, record_of, record_pass
from wherefrom.gradients.recorder import Recorder
from wherefrom.gradients.rows import BlockShape, Rows, cat
from wherefrom.gradients.uses import natural_shape
from wherefrom.gradients.verify_rules import newly_failed, proved
from wherefrom.objective import PerExample

CACHED = 24 * 2**20  # bytes of a batch beyond which a CPU waits for memory: a CNN of 28 x 28 images is 1.5 times slower at four times that

# Forward-mode products that cost as much as writing out: 2 to 5 where mapped; where looped, one for each 9 to 15 examples.
MAPPED, LOOPED = 2, 16

ProblemType = TypeVar("ProblemType", bound=Differentiable)


class Gradients(Generic[ProblemType]):
    """Gradients of a problem's examples as :class:`Rows`, exact for every chosen parameter.

    Each operation at which something made of parameters meets data is served by its rule, once a few examples have shown that it agrees with
    autograd; the rest by torch.func, and what that cannot map by autograd, one example at a time.
    """

    def __init__(self, problem: ProblemType, coverage: Coverage | None = None) -> None:
        self.problem = problem
        self.coverage = coverage or proved(problem)
        self.layout = self.coverage.layout(problem)

    @property
    def size(self) -> int:
        """Examples whose rows fit into an eighth of the memory budget, and on CPU about into its caches."""
        if self.problem.batch_size is not None:
            return self.problem.batch_size
        written = sum(self.problem.state[name].numel() for name in self.coverage.rest)
        bytes_each = 2 * written * self.problem.dtype.itemsize + self.coverage.bytes_each
        fast = max(32, CACHED // max(1, self.coverage.bytes_each)) if self.problem.device.type == "cpu" else 1024
        return int(min(1024, fast, max(1, self.problem.budget // 8 // max(1, bytes_each))))

    def losses(self, batch: Batch) -> Rows:
        """∇ lossᵢ of each example."""
        return self.of(batch, lambda outputs, _: self.problem.losses(outputs, batch), self.problem.objective.loss)

    def measurements(self, batch: Batch) -> Rows:
        """∇ measurement of each example."""
        plain = self.problem.objective.measurement or self.problem.objective.loss
        return self.of(batch, lambda outputs, _: self.problem.measurements(outputs, batch), plain)

    def of(self, batch: Batch, checked: PerExample, plain: PerExample) -> Rows:
        """The gradient of one number per example: ``checked`` on the whole batch, ``plain`` on examples one at a time."""
        recorder, outputs = record_pass(self.problem, batch, self.coverage.unreached)
        with torch.enable_grad():
            recorder.backward(checked(outputs, batch.targets).sum())
        return self._rows(record_of(recorder), batch, plain)

    def pulled_back(self, batch: Batch, cotangents: Callable[[Tensor], Iterable[Tensor]]) -> Iterator["Recorded"]:
        """Jᵢᵀuᵢ of each example, for one u after the other: ``cotangents`` makes them from the outputs, in their shape."""
        recorder, outputs = self._tensor_pass(batch)
        for cotangent in cotangents(outputs.detach()):
            with torch.enable_grad():
                recorder.backward((outputs * cotangent).sum(), keep=True)
            yield Recorded(self, record_of(recorder), replace(batch, targets=cotangent))

    def jacobian(self, batch: Batch) -> tuple[Tensor, Rows]:
        """Outputs flattened to (B, C), and the gradient of each of them as B·C rows, an example's C one after the other."""
        recorder, outputs = self._tensor_pass(batch)
        columns = []
        for column in range(outputs[0].numel()):
            with torch.enable_grad():
                recorder.backward(_entry(column, outputs, None).sum(), keep=True)
            columns.append(self._rows(record_of(recorder), batch, partial(_entry, column)))
        order = torch.arange(len(batch) * len(columns)).view(len(columns), len(batch)).T.flatten()
        return outputs.detach().reshape(len(batch), -1), cat(columns).select(order)

    def head(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """(features (B, i), outputs (B, C)) where the chosen parameters are one linear layer that ends the model.

        Outputs are then linear in θ: outputs[c] = θ[c]·features, a column of ones standing for the bias. None otherwise.
        """
        if not self.coverage.is_linear_layer:
            return None
        recorder, outputs = self._tensor_pass(batch)
        inputs = last_inputs(recorder, outputs)
        if inputs is None or len(recorder.uses) != 1:
            return None
        ones = inputs.new_ones(len(inputs), int(len(self.problem.names) == 2))
        return torch.cat([inputs, ones], 1), outputs.detach().reshape(len(batch), -1)

    def _tensor_pass(self, batch: Batch) -> tuple[Recorder, Tensor]:
        recorder, outputs = record_pass(self.problem, batch, self.coverage.unreached)
        return recorder, tensor_outputs(outputs)

    def _rows(self, record: Record, batch: Batch, plain: PerExample, *, factors: bool = False) -> Rows:
        rest = frozenset(self.coverage.rest) | newly_failed(self.problem, self.coverage, record, batch, plain)
        blocks = record.blocks(self.problem, self.layout, factors=factors, leaving=rest)
        if self.coverage.rest:
            blocks[self.layout.blocks[-1]] = self._unruled(self.coverage.rest, batch, plain)
        for name in sorted(rest - set(self.coverage.rest)):
            blocks |= self._written(name, blocks, batch, plain)
        return Rows(tuple(blocks.get(shape) or self._zeros(shape, len(batch)) for shape in self.layout.blocks), self.layout)

    def _written(self, name: str, blocks: dict[BlockShape, Block], batch: Batch, plain: PerExample) -> dict[BlockShape, Block]:
        """The block of a parameter that its rules do not serve in this batch alone, written out one example at a time."""
        shape = next(shape for shape in self.layout.blocks if name in shape.names)
        values = looped_gradients(self.problem, (name,), batch, plain)[name].detach()
        own = placed(Dense(values.reshape(len(batch), *natural_shape(values.shape[1:]))), shape, name)
        return {shape: total([blocks[shape], own]) if shape in blocks else own}

    def _unruled(self, names: tuple[str, ...], batch: Batch, plain: PerExample) -> Block:
        """The block of the parameters that no rule serves, left unwritten where forward mode may do."""
        shape, take = self.layout.blocks[-1], mapped_gradients if self.coverage.mapped else looped_gradients

        def write() -> Tensor:
            pieces = take(self.problem, names, batch, plain)
            return torch.cat([pieces[name].detach().reshape(len(batch), 1, -1) for name in names], 2)

        def along(rows: Tensor) -> Tensor:
            pieces = zip(names, shape.pieces(rows), strict=True)
            return forward_products(self.problem, {name: piece.view(-1, *self.problem.state[name].shape) for name, piece in pieces}, batch, plain)

        if not self.coverage.forward:
            return Dense(write())
        price = MAPPED if self.coverage.mapped else max(MAPPED, len(batch) // LOOPED)
        return Deferred(len(batch), (shape.rows, sum(shape.columns)), write, along, price)

    def _zeros(self, shape: BlockShape, size: int) -> Dense:
        """The block of a layer that these numbers do not depend on."""
        zero = torch.zeros((), dtype=self.problem.dtype, device=self.problem.device)
        return Dense(zero.expand(size, shape.rows, sum(shape.columns)))


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the passes through the model left of one batch: all that its rows need, without the model."""

    gradients: Gradients
    record: Record
    batch: Batch  # with the cotangents as targets

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.record.nbytes + sum(leaf.nbytes for leaf in leaves((self.batch.inputs, self.batch.targets)))

    def rows(self, *, factors: bool = False) -> Rows:
        """Jᵢᵀuᵢ as rows; with ``factors`` every layer that has factors gives them, however long they are."""
        return self.gradients._rows(self.record, self.batch, _weighed, factors=factors)


def last_inputs(recorder: Recorder, outputs: Tensor) -> Tensor | None:
    """What the last watched linear layer was given (B, i), where the model's outputs are its own, as they left it, at most reshaped."""
    if recorder.last is None:
        return None
    last, version, use = recorder.last
    same = outputs.data_ptr() == last.data_ptr() and outputs._version == version == last._version
    if not (same and outputs.numel() == last.numel() and len(outputs) == len(last)) or not isinstance(use, AffineUse):
        return None
    whole = use.weight is not None and all(leaf_of(pure) for pure in use.pures)  # neither a bias alone nor a function of parameters
    return use.inputs if whole and use.inputs.dim() == 2 else None


def _entry(column: int, outputs: Tensor, targets: Any) -> Tensor:
    return outputs.reshape(len(outputs), -1)[:, column]


def _weighed(outputs: Tensor, targets: Any) -> Tensor:
    return (outputs * targets).flatten(1).sum(1)
