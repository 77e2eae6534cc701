"""Factors of layers in groups, such as grouped convolutions."""

from dataclasses import dataclass, replace

from torch import Tensor

from wherefrom.gradients.blocks import Block, Index


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
