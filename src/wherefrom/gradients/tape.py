"""What each watched layer was given in a forward pass and what its output changed in a backward pass."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from wherefrom.data.trees import leaves, tree_map
from wherefrom.gradients.blocks import Block, total
from wherefrom.gradients.coverage import modules_of
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.layers import LayerRule, Use
from wherefrom.gradients.rows import BlockShape

Given = tuple[tuple[Any, ...], Mapping[str, Any]]


class Tape:
    """One entry per use of each layer; ``batch_dims`` are those of layers that are not given their examples along the first."""

    def __init__(self, problem: Differentiable, rules: tuple[LayerRule, ...], batch_dims: Mapping[str, int] | None = None) -> None:
        self.problem, self.rules, self.modules, self.batch_dims = problem, rules, modules_of(problem, rules), batch_dims or {}
        self.anchor = torch.zeros((), dtype=problem.dtype, device=problem.device, requires_grad=True)
        self.given: dict[str, list[Given]] = {path: [] for path in self.modules}
        self.changed: dict[str, list[Tensor | None]] = {path: [] for path in self.modules}
        self.last: tuple[Tensor, int] | None = None  # the last watched output and its version

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks on the layers for the time of a forward pass, and attention by its modules instead of fused kernels."""
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        hooks = [module.register_forward_hook(partial(self._seen, path), with_kwargs=True) for path, module in self.modules.items()]
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
            for hook in hooks:
                hook.remove()

    def _seen(self, path: str, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], outputs: Any) -> Any:
        # Parameters carry no gradient here, so the graph starts at the anchor: the first layers' outputs are tied to it.
        # Gradients are taken by hooks on the outputs, which see them as they were before any in-place change.
        first, *others = outputs if isinstance(outputs, tuple) else (outputs,)
        output = first if first.requires_grad else first + self.anchor
        use, seen = len(self.given[path]), {}

        def detached(leaf: Tensor) -> Tensor:  # one tensor given twice stays one
            return seen.setdefault(id(leaf), leaf.detach())

        self.given[path].append((tree_map(detached, arguments), tree_map(detached, keywords)))
        self.changed[path].append(None)
        output.register_hook(partial(self.changed[path].__setitem__, use))
        self.last = (output, output._version)
        return (output, *others) if isinstance(outputs, tuple) else output

    def dims_beside(self, other: "Tape") -> dict[str, int]:
        """Path -> the dimension of its inputs that differs from those of a batch of another size, where it is not the first."""
        found: dict[str, int] = {}
        for rule in self.rules:
            if not rule.turns:
                continue
            shapes = [[Use(0, *given, self.anchor, {}).inputs.shape for given in tape.given[rule.module]] for tape in (self, other)]
            differ = {tuple(a != b for a, b in zip(mine, theirs, strict=True)) for mine, theirs in zip(*shapes, strict=True)}
            if len(differ) == 1 and sum(pattern := differ.pop()) == 1 and not pattern[0]:
                found[rule.module] = pattern.index(True)
        return found

    def backward(self, total: Tensor, *, keep: bool = False) -> None:
        """Fill in what each layer's output changes of ``total``; ``keep`` the graph for another."""
        for found in self.changed.values():
            found[:] = [None] * len(found)
        if total.requires_grad:
            torch.autograd.grad(total, self.anchor, retain_graph=keep, allow_unused=True)

    def settled(self) -> "Tape":
        """What stands there now, without the graph that it came from."""
        found = copy(self)
        found.changed, found.last = {path: list(changed) for path, changed in self.changed.items()}, None
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        return sum(leaf.nbytes for leaf in leaves((self.given, self.changed)))

    def ends_with_layer(self, outputs: Tensor) -> bool:
        """Whether the model's outputs are the last watched layer's, as they left it, at most reshaped."""
        if self.last is None:
            return False
        last, version = self.last
        same = outputs.data_ptr() == last.data_ptr() and outputs._version == version == last._version
        return same and outputs.numel() == last.numel() and len(outputs) == len(last)

    def blocks(self, rule: LayerRule, size: int, *, factors: bool = False, made: dict[Any, Tensor] | None = None) -> dict[BlockShape, Block] | None:
        """The layer's blocks for a batch, summed over its uses; None where they are not one row per example.

        ``made`` holds what the rules of a pass make for each other.
        """
        prefix = f"{rule.module}." if rule.module else ""
        own = {name.removeprefix(prefix): value for name, value in self.problem.state.items() if name.startswith(prefix)}
        found: dict[BlockShape, list[Block]] = {}
        for (arguments, keywords), gradient in zip(self.given[rule.module], self.changed[rule.module], strict=True):
            if gradient is None:
                continue
            use = Use(size, arguments, keywords, gradient, own, factors, {} if made is None else made).turned(self.batch_dims.get(rule.module, 0))
            blocks = rule.blocks(self.modules[rule.module], use)
            if blocks is None or any(len(block) != size for block in blocks):
                return None
            for shape, block in zip(rule.shapes, blocks, strict=True):
                found.setdefault(shape, []).append(block)
        return {shape: total(parts) for shape, parts in found.items()} or None
