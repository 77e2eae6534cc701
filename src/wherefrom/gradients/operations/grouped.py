"""Products with a stack of matrices, each for rows of its own: heads, experts."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from wherefrom.gradients.grouped import Grouped
from wherefrom.gradients.origins import Pure
from wherefrom.gradients.uses import Part, Pass, Use


@dataclass(eq=False)
class StackUse(Use):
    """Matrix g of a stack (G, i, o), or with ``transposed=False`` (G, o, i), meets inputs[g] (R, i); owners (G, R)."""

    operation: str
    weight: Pure
    inputs: Tensor  # (G, R, i)
    owners: Tensor
    transposed: bool = True
    kind: str = "stack"

    @property
    def pures(self) -> tuple[Pure, ...]:  # type: ignore[override]
        return (self.weight,)

    @property
    def saved(self) -> tuple[Tensor, ...]:
        return (self.inputs,)

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        groups = len(self.inputs)
        owners = self.owners.reshape(-1) * groups + _numbers(self.owners).reshape(-1)
        packing = Pass(shared.size * groups).packing(owners)
        inputs, outputs = (packing.of_rows(side.flatten(0, 1)).unflatten(0, (shared.size, groups)) for side in (self.inputs, gradient))
        yield Part(self.weight, Grouped(outputs, inputs) if self.transposed else Grouped(inputs, outputs))


def _numbers(owners: Tensor) -> Tensor:
    """Return the group of each row (G, R)."""
    return owners.new_tensor(range(len(owners)))[:, None].expand_as(owners)
