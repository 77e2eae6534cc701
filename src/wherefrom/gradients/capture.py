"""Per-example gradients of a whole batch from one forward and one backward pass, as factors of each layer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.trees import leaves
from wherefrom.gradients.blocks import Block, Deferred, Dense, total
from wherefrom.gradients.coverage import Coverage
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.functional import forward_products, looped_gradients, mapped_gradients
from wherefrom.gradients.rows import BlockShape, Rows, cat
from wherefrom.gradients.tape import Tape
from wherefrom.gradients.verify_rules import verify_rules
from wherefrom.objective import PerExample

CACHED = 24 * 2**20  # bytes of a batch beyond which a CPU waits for memory: a CNN of 28 x 28 images is 1.5 times slower at four times that

# Forward-mode products that cost as much as writing out: 2 to 5 where mapped; where looped, one for each 9 to 15 examples.
MAPPED, LOOPED = 2, 16


class Gradients:
    """Gradients of a problem's examples as :class:`Rows`, exact for every chosen parameter.

    Known layers are served by their rules, once a few examples have shown that these agree with autograd (a weight that
    is also used elsewhere does not); the rest by torch.func, and what that cannot map by autograd, one example at a time.
    """

    def __init__(self, problem: Differentiable, coverage: Coverage | None = None) -> None:
        self.problem = problem
        self.coverage = coverage or verify_rules(problem)
        self.layout = self.coverage.layout(problem)

    @property
    def size(self) -> int:
        """Examples whose rows fit into an eighth of the memory budget, and on CPU about into its caches."""
        if self.problem.batch_size is not None:
            return self.problem.batch_size
        written = sum(self.problem.state[name].numel() for name in (*self.coverage.mapped, *self.coverage.looped))
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
        tape, outputs = self._forward(batch)
        with torch.enable_grad():
            tape.backward(checked(outputs, batch.targets).sum())
        return self._rows(tape, batch, plain)

    def pulled_back(self, batch: Batch, cotangents: Callable[[Tensor], Iterable[Tensor]]) -> Iterator["Recorded"]:
        """Jᵢᵀuᵢ of each example, for one u after the other: ``cotangents`` makes them from the outputs, in their shape."""
        tape, outputs = self._forward(batch)
        for cotangent in cotangents(outputs.detach()):
            with torch.enable_grad():
                tape.backward((outputs * cotangent).sum(), keep=True)
            yield Recorded(self, tape.settled(), replace(batch, targets=cotangent))

    def jacobian(self, batch: Batch) -> tuple[Tensor, Rows]:
        """Outputs flattened to (B, C), and the gradient of each of them as B·C rows, an example's C one after the other."""
        tape, outputs = self._forward(batch)
        columns = []
        for column in range(outputs[0].numel()):
            with torch.enable_grad():
                tape.backward(_entry(column, outputs, None).sum(), keep=True)
            columns.append(self._rows(tape, batch, partial(_entry, column)))
        order = torch.arange(len(batch) * len(columns)).view(len(columns), len(batch)).T.flatten()
        return outputs.detach().reshape(len(batch), -1), cat(columns).select(order)

    def head(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """(features (B, i), outputs (B, C)) where the chosen parameters are one linear layer that ends the model.

        Outputs are then linear in θ: outputs[c] = θ[c]·features, a column of ones standing for the bias. None otherwise.
        """
        rule = self.coverage.linear_head
        if rule is None:
            return None
        tape, outputs = self._forward(batch)
        uses = tape.given[rule.module]
        if len(uses) != 1 or uses[0][0][0].dim() != 2 or not tape.ends_with_layer(outputs):
            return None
        inputs = uses[0][0][0]
        ones = inputs.new_ones(len(inputs), int("bias" in rule.names))
        return torch.cat([inputs, ones], 1), outputs.detach().reshape(len(batch), -1)

    def _forward(self, batch: Batch) -> tuple[Tape, Tensor]:
        tape = Tape(self.problem, self.coverage.rules, self.coverage.batch_dims)
        with torch.enable_grad(), tape.watching():
            outputs = self.problem.outputs(batch.inputs)
        return tape, outputs

    def _rows(self, tape: Tape, batch: Batch, plain: PerExample, *, factors: bool = False) -> Rows:
        found: dict[BlockShape, list[Block]] = {shape: [] for shape in self.layout.blocks}
        made: dict[Any, Tensor] = {}
        for rule in self.coverage.rules:
            for shape, block in (tape.blocks(rule, len(batch), factors=factors, made=made) or {}).items():
                found[shape].append(block)
        rest = self.coverage.mapped or self.coverage.looped
        if rest:
            found[self.layout.blocks[-1]].append(self._unruled(rest, batch, plain))
        return Rows(tuple(total(parts) if parts else self._zeros(shape, len(batch)) for shape, parts in found.items()), self.layout)

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
    tape: Tape
    batch: Batch  # with the cotangents as targets

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.tape.nbytes + sum(leaf.nbytes for leaf in leaves((self.batch.inputs, self.batch.targets)))

    def rows(self, *, factors: bool = False) -> Rows:
        """Jᵢᵀuᵢ as rows; with ``factors`` every layer that has factors gives them, however long they are."""
        return self.gradients._rows(self.tape, self.batch, _weighed, factors=factors)


def _entry(column: int, outputs: Tensor, targets: Any) -> Tensor:
    return outputs.reshape(len(outputs), -1)[:, column]


def _weighed(outputs: Tensor, targets: Any) -> Tensor:
    return (outputs * targets).flatten(1).sum(1)
