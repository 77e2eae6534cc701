"""Products with a matrix, over any number of positions: the gradient is Σₜ outer(dₜ, aₜ), kept as factors."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from wherefrom.gradients.blocks import Block, Dense, Factored
from wherefrom.gradients.operations.copies import take_copies
from wherefrom.gradients.operations.grouped import StackUse, stack_of
from wherefrom.gradients.origins import Pure
from wherefrom.gradients.recorder import Call
from wherefrom.gradients.uses import Part, Pass, Use


@dataclass(eq=False)
class AffineUse(Use):
    """``x Wᵀ + b`` or, ``transposed``, ``x W + b``: inputs (..., i), outputs (..., o), owners (R,) of the R rows."""

    operation: str
    weight: Pure | None
    bias: Pure | None
    inputs: Tensor
    owners: Tensor
    transposed: bool = False

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "matrix transposed" if self.transposed else "matrix"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        inputs, outputs = self._sides(gradient, shared)
        if self.weight is not None:
            yield Part(self.weight, Factored(outputs, inputs) if self.transposed else Factored(inputs, outputs))
        if self.bias is not None:
            yield Part(self.bias, Dense(outputs.sum(1, keepdim=True)))

    def paired(self, gradient: Tensor, shared: Pass) -> Block | None:
        inputs, outputs = self._sides(gradient, shared)
        return Factored(shared.with_ones(inputs), outputs)

    def _sides(self, gradient: Tensor, shared: Pass) -> tuple[Tensor, Tensor]:
        packing = shared.packing(self.owners)
        key = "inputs", self.inputs.data_ptr(), self.inputs.shape, self.inputs.stride(), id(packing)
        if key not in shared.made:
            shared.made[key] = packing.of_rows(self.inputs.reshape(-1, self.inputs.shape[-1]))
        return shared.made[key], packing.of_rows(gradient.reshape(-1, gradient.shape[-1]))


def take_linear(call: Call) -> object:
    """Take ``F.linear``."""
    x, weight, bias = call.get(0, "input"), call.get(1, "weight"), call.get(2, "bias")
    recorder = call.recorder
    rows = None if recorder.is_data(weight) or recorder.is_data(bias) else recorder.row_owners(x)
    if rows is None:
        return call.give_up()
    use = AffineUse(call.operation, recorder.pure(weight), recorder.pure(bias), x.detach(), rows)
    return call.finish(recorder.watch(call.run(), use))


def take_addmm(call: Call) -> object:
    """Take ``torch.addmm``, in which GPT-2's layers keep their weight the other way round."""
    bias, x, weight = call.get(0, "input"), call.get(1, "mat1"), call.get(2, "mat2")
    recorder, scaled = call.recorder, any(call.keywords.get(name, 1) != 1 for name in ("alpha", "beta"))
    rows = None if scaled or recorder.is_data(weight) or recorder.is_data(bias) or bias.dim() != 1 else recorder.row_owners(x)
    if rows is None:
        return call.give_up()
    use = AffineUse(call.operation, recorder.pure(weight), recorder.pure(bias), x.detach(), rows, transposed=True)
    return call.finish(recorder.watch(call.run(), use))


def take_matmul(call: Call) -> object:
    """Take a product with a matrix on either side, or with a stack of them on the right."""
    left, right = call.get(0, "input"), call.get(1, "other")
    if call.name == "__rmatmul__":
        left, right = right, left
    recorder = call.recorder
    on_right = recorder.is_data(left)
    pure, x = (recorder.pure(right), left) if on_right else (recorder.pure(left), right)
    owners = recorder.owners(x)
    if pure is None or owners is None:
        return call.give_up()
    matrix = pure.tensor
    if matrix.dim() == 2 and x.dim() >= 2:
        if not on_right:  # W x = (xᵀ Wᵀ)ᵀ
            with recorder:
                return F.linear(x.mT, matrix).mT
        rows = recorder.row_owners(x)
        if rows is None:
            return call.give_up()
        return call.finish(recorder.watch(call.run(), AffineUse(call.operation, pure, None, x.detach(), rows, transposed=True)))
    if matrix.dim() == 3 and x.dim() == 3 and len(matrix) == len(x) and on_right and owners.shape[2] == 1 and recorder.size > 1:
        rows, (stack, turned) = owners[..., 0].expand(x.shape[:2]), stack_of(pure)
        use = StackUse(call.operation, stack, x.detach(), rows, len(stack.tensor), not turned)
        return call.finish(recorder.watch(call.run(), use))
    return take_copies(call)
