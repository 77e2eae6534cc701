"""Products with a stack of matrices, each for rows of its own: heads, experts."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from wherefrom.gradients.blocks import Factored
from wherefrom.gradients.grouped import Grouped, Stack
from wherefrom.gradients.origins import Data, Pure
from wherefrom.gradients.recorder import Call
from wherefrom.gradients.uses import Part, Pass, Use


@dataclass(eq=False)
class StackUse(Use):
    """Matrix g of a stack (G, i, o), or with ``transposed=False`` (G, o, i), meets inputs[g], inputs[g + G] ... (R, i); owners (k G, R)."""

    operation: str
    weight: Pure
    inputs: Tensor  # (k G, R, i)
    owners: Tensor
    count: int  # G
    transposed: bool = True
    kind: str = "stack"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        groups = self.count
        owners = self.owners.reshape(-1) * groups + (_numbers(self.owners) % groups).reshape(-1)
        packing = Pass(shared.size * groups).packing(owners)
        inputs, outputs = (packing.of_rows(side.flatten(0, 1)).unflatten(0, (shared.size, groups)) for side in (self.inputs, gradient))
        yield Part(self.weight, Grouped(outputs, inputs) if self.transposed else Grouped(inputs, outputs))


def _numbers(owners: Tensor) -> Tensor:
    """Return the group of each row (G, R)."""
    return owners.new_tensor(range(len(owners)))[:, None].expand_as(owners)


@dataclass(eq=False)
class SortedStackUse(Use):
    """Matrix g of a stack (G, i, o), or with ``transposed=False`` (G, o, i), meets the rows of inputs (R, i) up to ends[g]; owners (R,)."""

    operation: str
    weight: Pure
    inputs: Tensor
    owners: Tensor
    ends: list[int]
    transposed: bool
    kind: str = "stack"

    @property
    def title(self) -> str:
        return "Linear"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        members, start = {}, 0
        for number, end in enumerate(self.ends):
            if start < end:
                packing = shared.packing(self.owners[start:end])
                inputs, outputs = (packing.of_rows(side[start:end]) for side in (self.inputs, gradient))
                members[number] = Factored(outputs, inputs) if self.transposed else Factored(inputs, outputs)
            start = end
        if members:
            yield Part(self.weight, Stack(members, len(self.ends)))


def take_grouped(call: Call) -> object:
    """Take a product of rows sorted by group with a stack of matrices: the fused experts of transformers."""
    x, matrices, ends = call.get(0, "mat_a"), call.get(1, "mat_b"), call.get(2, "offs")
    recorder, pure = call.recorder, call.recorder.pure(matrices)
    rows = recorder.row_owners(x) if recorder.is_data(x) else None
    if pure is None or rows is None or ends is None or x.dim() != 2 or call.get(3, "bias") is not None:
        return call.give_up()
    turned = _turns_each(pure)
    stack, transposed = pure.parents[0] if turned else pure, not turned
    result = recorder.watch(call.run(), SortedStackUse(call.operation, stack, x.detach(), rows, ends.tolist(), transposed))
    recorder.mark(result, Data(rows[:, None]))
    return result


def stack_of(pure: Pure) -> tuple[Pure, bool]:
    """Return the stack that this is, each matrix transposed or the whole laid again and again or not, and whether they are transposed."""
    turned = _turns_each(pure)
    stack = pure.parents[0] if turned else pure
    if stack.name == "repeat" and stack.parents[0].tensor.shape[1:] == stack.tensor.shape[1:] and stack.parents[0].tensor.dim() == 3:
        stack = stack.parents[0]
    return stack, turned


def _turns_each(pure: Pure) -> bool:
    """Return whether a stack of matrices is another with each of them transposed."""
    if pure.name == "mT":
        return True
    dims = pure.arguments[1:] if pure.name in ("transpose", "swapaxes", "swapdims") else ()
    return len(dims) == 2 and {dim % 3 if isinstance(dim, int) else None for dim in dims} == {1, 2}
