"""A recorded pass through a problem's model, and the rows of its examples."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients.blocks import Block, Dense, Factored, total
from wherefrom.gradients.coverage import paired_names
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.grouped import Stack, stacked
from wherefrom.gradients.operations import RULES, take_any
from wherefrom.gradients.proofs import Signature
from wherefrom.gradients.pullback import pull_back, transposed
from wherefrom.gradients.recorder import Recorder, Unknown
from wherefrom.gradients.rows import BlockShape, Layout
from wherefrom.gradients.uses import Pass, Use


@dataclass(frozen=True, eq=False)
class Record:
    """What a pass left: its uses, the gradient at each, and the operations that were not understood."""

    size: int
    uses: tuple[Use, ...]
    changes: tuple[Tensor | None, ...]
    unknown: tuple[Unknown, ...]
    types: frozenset[torch.dtype]

    @property
    def precision(self) -> float:
        """The rounding of the coarsest floating type that the pass went through."""
        return max(torch.finfo(kind).eps for kind in self.types)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(leaf.nbytes for use in self.uses for leaf in use.saved) + sum(change.nbytes for change in self.changes if change is not None)

    def signatures(self) -> dict[str, Signature]:
        """Return parameter -> how it was used."""
        found: dict[str, set[tuple[str, str, str, bool]]] = {}
        for use in self.uses:
            coincides = any(side == self.size for leaf in use.saved for side in leaf.shape[1:])  # a dimension that could be taken for the examples'
            for pure in use.pures:
                for root in pure.roots:
                    found.setdefault(root, set()).add((use.operation, use.kind, pure.name, coincides))
        return {name: frozenset(kinds) for name, kinds in found.items()}

    def blocks(
        self, problem: Differentiable, layout: Layout, *, factors: bool = False, leaving: frozenset[str] = frozenset()
    ) -> dict[BlockShape, Block]:
        """Return the block of each shape that this pass reached, those of some parameters left out."""
        shared, found = Pass(self.size, problem.dtype, factors), dict[BlockShape, list[Block]]()
        shapes = {name: shape for shape in layout.blocks for name in shape.names}
        for use, change in zip(self.uses, self.changes, strict=True):
            if change is None:
                continue
            if self.types != {problem.dtype}:
                use, change = use.widened(shared), shared.wide(change)
            pair = paired_names(use)
            pair = None if pair and leaving & set(pair[:2]) else pair
            shape = shapes.get(pair[0]) if pair else None
            if pair and shape and shape.names == pair[:2] and shape.transposed == pair[2] and (block := use.paired(change, shared)) is not None:
                found.setdefault(shape, []).append(block)
                continue
            for part in use.parts(change, shared):
                for name, block in pull_back(part.pure, part.block, problem.state, problem.dtype):
                    if name in shapes and name not in leaving:
                        found.setdefault(shapes[name], []).append(placed(block, shapes[name], name))
        return {shape: _total(parts) for shape, parts in found.items()}

    def weighted_sums(self, problem: Differentiable, layout: Layout, weights: Tensor, leaving: frozenset[str]) -> dict[str, Tensor]:
        """Return parameter -> the sum of its rows times a weight each, some parameters left out."""
        sums: dict[str, Tensor] = {}
        for shape, block in self.blocks(problem, layout, leaving=leaving).items():
            for name, piece in zip(shape.names, shape.pieces(block.scale(weights).sum()), strict=True):
                sums[name] = piece[0]
        return sums


def _total(parts: list[Block]) -> Block:
    stacks = [part for part in parts if isinstance(part, Stack)]
    return stacked(stacks) if len(stacks) == len(parts) else total(parts)


def record_of(recorder: Recorder) -> Record:
    """Return what a recorder holds now, without the graph that it came from."""
    return Record(recorder.size, tuple(recorder.uses), tuple(recorder.changes), tuple(recorder.unknown), frozenset(recorder.types))


def placed(block: Block, shape: BlockShape, name: str) -> Block:
    """Return a parameter's block of its natural shape as (part of) the block that holds it."""
    place = shape.names.index(name)
    sides = shape.rows, shape.columns[place]
    if shape.transposed:
        block = transposed(block)
    if block.shape != sides:
        block = Dense(block.dense().reshape(len(block), *sides))
    if len(shape.names) == 1:
        return block
    before, after = sum(shape.columns[:place]), sum(shape.columns[place + 1 :])
    pad = torch.nn.functional.pad
    if isinstance(block, Factored):
        return Factored(pad(block.inputs, (before, after)), block.outputs)
    return Dense(pad(block.dense(), (before, after)))


def record_pass(problem: Differentiable, batch: Batch, unreached: Sequence[str] = ()) -> tuple[Recorder, Tensor]:
    """Run the model on a batch with every torch function seen; return the recorder and the outputs.

    ``unreached`` are parameters of which no use is expected: see :class:`Recorder`.
    """
    leaves = {name: problem.state[name].detach().requires_grad_() for name in unreached}
    recorder = Recorder({name: problem.state[name] for name in problem.names}, batch.inputs, len(batch), RULES, take_any, leaves)
    with torch.enable_grad(), _attention_by_functions(), recorder:
        outputs = problem.outputs(batch.inputs, leaves)
    return recorder, outputs


@contextmanager
def _attention_by_functions() -> Iterator[None]:
    """Have torch's attention layers call their functions instead of one fused kernel."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
