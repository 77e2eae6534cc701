"""Per-example gradients of a whole batch from one forward and one backward pass, as factors of each linear layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whence.gradients.blocks import Block, Dense, Factored
from whence.gradients.functional import mapped_gradients, total_gradient
from whence.gradients.layers import Coverage, LinearRule, coverage_of, linear_rules
from whence.gradients.rows import Layout, Rows, cat
from whence.objective import PerExample
from whence.problem import Batch, Problem

PROBE = 5  # examples on which every rule is proved against autograd


class Tape:
    """What each watched layer was given, and, after a backward pass, what its output changed: one entry per use."""

    def __init__(self, problem: Problem, rules: tuple[LinearRule, ...]) -> None:
        self.problem, self.rules = problem, rules
        self.anchor = torch.zeros((), dtype=problem.dtype, device=problem.device, requires_grad=True)
        self.inputs: dict[str, list[Tensor]] = {rule.module: [] for rule in rules}
        self.outputs: dict[str, list[Tensor | None]] = {rule.module: [] for rule in rules}
        self.last: tuple[Tensor, int] | None = None  # the last watched output and its version

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks on the layers for the time of a forward pass."""
        hooks = [self.problem.model.get_submodule(rule.module).register_forward_hook(partial(self._seen, rule.module)) for rule in self.rules]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _seen(self, path: str, module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        # Parameters carry no gradient here, so the graph starts at the anchor: the first layers' outputs are tied to it.
        # Gradients are taken by hooks on the outputs, which see them as they were before any in-place change.
        output = output if output.requires_grad else output + self.anchor
        use = len(self.inputs[path])
        self.inputs[path].append(arguments[0].detach())
        self.outputs[path].append(None)
        output.register_hook(partial(self.outputs[path].__setitem__, use))
        self.last = (output, output._version)
        return output

    def backward(self, total: Tensor, *, keep: bool = False) -> None:
        """Fill in what each layer's output changes of ``total``; ``keep`` the graph for another."""
        for found in self.outputs.values():
            found[:] = [None] * len(found)
        if total.requires_grad:
            torch.autograd.grad(total, self.anchor, retain_graph=keep, allow_unused=True)

    def ends_with_layer(self, outputs: Tensor) -> bool:
        """Whether the model's outputs are the last watched layer's, as they left it, at most reshaped."""
        if self.last is None:
            return False
        last, version = self.last
        same = outputs.data_ptr() == last.data_ptr() and outputs._version == version == last._version
        return same and outputs.numel() == last.numel() and len(outputs) == len(last)

    def block(self, rule: LinearRule, size: int) -> Factored | None:
        """The layer's factors for a batch, its uses one after the other; None where they are not one row per example."""
        parts = [(a, d) for a, d in zip(self.inputs[rule.module], self.outputs[rule.module], strict=True) if d is not None]
        if not parts or any(len(a) != size for a, _ in parts):
            return None
        inputs = torch.cat([a.reshape(size, -1, a.shape[-1]) for a, _ in parts], 1)
        outputs = torch.cat([d.reshape(size, -1, d.shape[-1]) for _, d in parts], 1)
        ones = inputs.new_ones(*inputs.shape[:2], 1)
        columns = [inputs] * rule.weight + [ones] * rule.bias
        return Factored(columns[0] if len(columns) == 1 else torch.cat(columns, 2), outputs)


class Gradients:
    """Gradients of a problem's examples as :class:`Rows`, exact for every chosen parameter.

    Linear layers are served by their factors, once a few examples have shown that these agree with autograd (a weight
    that is also used elsewhere does not); the rest is served by torch.func.
    """

    def __init__(self, problem: Problem, coverage: Coverage | None = None) -> None:
        self.problem = problem
        self.coverage = coverage or _proved(problem)
        self.layout = Layout({name: problem.state[name].shape for name in problem.names}, self.coverage.blocks)

    @property
    def size(self) -> int:
        """Examples whose rows fit into an eighth of the memory budget: what torch.func writes out decides."""
        if self.problem.batch_size is not None:
            return self.problem.batch_size
        written = sum(self.problem.state[name].numel() for name in self.coverage.mapped)
        kept = sum(rule.block.rows + sum(rule.block.columns) for rule in self.coverage.linear)
        bytes_each = (2 * written + kept) * self.problem.dtype.itemsize
        return int(min(1024, max(1, self.problem.budget // 8 // max(1, bytes_each))))

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
        if self.coverage.mapped or len(self.coverage.linear) != 1 or not self.coverage.linear[0].weight:
            return None
        tape, outputs = self._forward(batch)
        rule, (inputs, *more) = self.coverage.linear[0], tape.inputs[self.coverage.linear[0].module]
        if more or inputs.dim() != 2 or not tape.ends_with_layer(outputs):
            return None
        ones = inputs.new_ones(len(inputs), int(rule.bias))
        return torch.cat([inputs, ones], 1), outputs.detach().reshape(len(batch), -1)

    def _forward(self, batch: Batch) -> tuple[Tape, Tensor]:
        tape = Tape(self.problem, self.coverage.linear)
        with torch.enable_grad(), tape.watching():
            outputs = self.problem.outputs(batch.inputs)
        return tape, outputs

    def _rows(self, tape: Tape, batch: Batch, plain: PerExample) -> Rows:
        blocks: list[Block] = [tape.block(rule, len(batch)) or self._zeros(rule, len(batch)) for rule in self.coverage.linear]
        if self.coverage.mapped:
            found = mapped_gradients(self.problem, self.coverage.mapped, batch, plain)
            blocks += [Dense(found[name].detach().reshape(len(batch), 1, -1)) for name in self.coverage.mapped]
        return Rows(tuple(blocks), self.layout)

    def _zeros(self, rule: LinearRule, size: int) -> Factored:
        """The block of a layer that these outputs do not depend on."""
        zeros = torch.zeros(size, 1, 1, dtype=self.problem.dtype, device=self.problem.device)
        return Factored(zeros.expand(-1, -1, sum(rule.block.columns)), zeros.expand(-1, -1, rule.block.rows))


def _entry(column: int, outputs: Tensor, targets: Any) -> Tensor:
    return outputs.reshape(len(outputs), -1)[:, column]


def _proved(problem: Problem) -> Coverage:
    """Keep the rules whose weighted sums over a few examples agree with autograd; unequal weights tell examples apart."""
    rules = linear_rules(problem)
    if not rules:
        return coverage_of(problem, rules)
    batch = next(problem.batches(size=PROBE))
    weights = torch.linspace(1.0, 2.0, len(batch), dtype=problem.dtype, device=problem.device)
    true = total_gradient(problem, batch, problem.objective.loss, weights)
    gradients = Gradients(problem, coverage_of(problem, rules))
    tape, outputs = gradients._forward(batch)
    with torch.enable_grad():
        tape.backward(problem.losses(outputs, batch).sum())
    scale = max(float(value.abs().max()) for value in true.values())
    good = []
    for rule in rules:
        block = tape.block(rule, len(batch))
        pieces = block.scale(weights).dense().sum(0).split(list(rule.block.columns), dim=1) if block else ()
        if block and all(_close(piece, true[name], scale) for piece, name in zip(pieces, rule.block.names, strict=True)):
            good.append(rule)
    return coverage_of(problem, good)


def _close(found: Tensor, true: Tensor, scale: float) -> bool:
    tolerance = 100 * torch.finfo(true.dtype).eps ** 0.75
    return bool((found.reshape(true.shape) - true).abs().max() <= tolerance * max(scale, torch.finfo(true.dtype).tiny))
