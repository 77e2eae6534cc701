"""Factors of layers in groups, such as grouped convolutions, and of stacks of matrices, such as experts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wherefrom.gradients.blocks import Block, Dense, Factored, Index, total


@dataclass(frozen=True, eq=False)
class Grouped(Block):
    """The factors of a layer whose g groups of outputs see g groups of inputs: one :class:`Factored` for each, stacked by rows."""

    inputs: Tensor  # (k, g, T, i)
    outputs: Tensor  # (k, g, T, o)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def shape(self) -> tuple[int, int]:
        return self.outputs.shape[1] * self.outputs.shape[3], self.inputs.shape[3]

    @property
    def nbytes(self) -> int:
        return self.inputs.nbytes + self.outputs.nbytes

    @property
    def like(self) -> Tensor:
        return self.outputs

    def dense(self) -> Tensor:
        return (self.outputs.mT @ self.inputs).flatten(1, 2)

    def squared_norms(self) -> Tensor:
        return self.dense().square().sum((1, 2))

    def scale(self, factors: Tensor) -> "Grouped":
        return replace(self, outputs=self.outputs * factors[:, None, None, None])

    def select(self, index: Index) -> "Grouped":
        return Grouped(self.inputs[index], self.outputs[index])


@dataclass(frozen=True, eq=False)
class Stack(Block):
    """A stack of matrices one below the other, of which only some have entries: the experts that a batch reached, by number."""

    members: Mapping[int, Block]  # each (k, o, i)
    count: int

    def __len__(self) -> int:
        return len(self._any)

    @property
    def _any(self) -> Block:
        return next(iter(self.members.values()))

    @property
    def shape(self) -> tuple[int, int]:
        o, i = self._any.shape
        return self.count * o, i

    @property
    def nbytes(self) -> int:
        return sum(member.nbytes for member in self.members.values())

    @property
    def like(self) -> Tensor:
        return self._any.like

    def dense(self) -> Tensor:
        o, i = self._any.shape
        entries = self.like.new_zeros(len(self), self.count, o, i)
        for number, member in self.members.items():
            entries[:, number] = member.dense()
        return entries.flatten(1, 2)

    def sum(self) -> Tensor:
        return self.with_members({number: Dense(member.sum()) for number, member in self.members.items()}).dense()

    def squared_norms(self) -> Tensor:
        return torch.stack([member.squared_norms() for member in self.members.values()]).sum(0)

    def scale(self, factors: Tensor) -> "Stack":
        return self.with_members({number: member.scale(factors) for number, member in self.members.items()})

    def select(self, index: Index) -> "Stack":
        return self.with_members({number: member.select(index) for number, member in self.members.items()})

    def with_members(self, members: Mapping[int, Block]) -> "Stack":
        """Return a stack as high with other members."""
        return Stack(members, self.count)

    def grouped(self) -> Grouped | Dense:
        """Return the same as one group for each matrix, padded with positions at which nothing changes."""
        members = list(self.members.values())
        if not all(isinstance(member, Factored) for member in members):
            return Dense(self.dense())
        positions = max(member.inputs.shape[1] for member in members if isinstance(member, Factored))
        inputs, outputs = (side.new_zeros(len(self), self.count, positions, side.shape[2]) for side in (members[0].inputs, members[0].outputs))  # type: ignore[attr-defined]
        for number, member in self.members.items():
            if isinstance(member, Factored):
                inputs[:, number, : member.inputs.shape[1]], outputs[:, number, : member.inputs.shape[1]] = member.inputs, member.outputs
        return Grouped(inputs, outputs)


def stacked(parts: Sequence[Stack]) -> Stack:
    """Return the sum of stacks of one height."""
    members: dict[int, list[Block]] = {}
    for part in parts:
        for number, member in part.members.items():
            members.setdefault(number, []).append(member)
    return parts[0].with_members({number: total(blocks) for number, blocks in members.items()})
