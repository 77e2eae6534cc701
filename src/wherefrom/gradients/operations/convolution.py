"""Convolutions in one, two and three dimensions: a linear layer over the patches that the kernel sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from wherefrom.gradients.blocks import Block, Dense, Factored
from wherefrom.gradients.grouped import Grouped
from wherefrom.gradients.origins import Pure
from wherefrom.gradients.recorder import Call
from wherefrom.gradients.uses import Part, Pass, Use

CACHED = 8 * 2**20  # bytes of patches held at a time on CPU: about its caches, twice as fast as all at once


@dataclass(frozen=True)
class Kernel:
    """How a kernel moves: its sides, steps, border and gaps in each dimension, and its groups."""

    sides: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int

    @classmethod
    def of(cls, weight: Tensor, stride: object, padding: object, dilation: object, groups: int) -> "Kernel":
        """Return the kernel of a call's arguments, numbers repeated for each dimension."""
        count = weight.dim() - 2

        def each(value: object) -> tuple[int, ...]:
            numbers = (value,) if isinstance(value, int) else tuple(value)  # type: ignore[arg-type]
            return numbers * count if len(numbers) == 1 else numbers

        return cls(tuple(weight.shape[2:]), each(stride), padding if isinstance(padding, str) else each(padding), each(dilation), groups)

    def padded(self, x: Tensor) -> Tensor:
        """Return the input with its border of zeros."""
        border: list[int] = []
        for axis in reversed(range(len(self.sides))):
            whole = self.dilation[axis] * (self.sides[axis] - 1)
            if isinstance(self.padding, str):
                border += [whole // 2, whole - whole // 2] if self.padding == "same" else [0, 0]
            else:
                border += [self.padding[axis]] * 2
        return F.pad(x, border) if any(border) else x


@dataclass(eq=False)
class ConvolutionUse(Use):
    """Inputs (N, c, *spatial), outputs (N, o, *positions), owners (N,)."""

    operation: str
    weight: Pure | None
    bias: Pure | None
    inputs: Tensor
    owners: Tensor
    kernel: Kernel
    kind: str = "kernel"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        if self.weight is not None:
            yield Part(self.weight, self._block(gradient, shared, ones=False))
        if self.bias is not None:
            sums = gradient.flatten(2).sum(2)
            yield Part(self.bias, Dense(shared.packing(self.owners).of_rows(sums).sum(1, keepdim=True)))

    def paired(self, gradient: Tensor, shared: Pass) -> Block | None:
        return self._block(gradient, shared, ones=True)

    def _block(self, gradient: Tensor, shared: Pass, *, ones: bool) -> Block:
        x, d = self.inputs, gradient.reshape(len(gradient), self.kernel.groups, -1, prod(gradient.shape[2:]))  # (N, g, o, T)
        o, positions, i = d.shape[2], d.shape[3], x.shape[1] // self.kernel.groups * prod(self.kernel.sides)
        packing, plain = shared.packing(self.owners), len(x) == shared.size
        long = positions * (o + i) > o * i  # the factors are larger than what they stand for
        if plain and packing.rows is None and not ((self.kernel.groups > 1 or long) and not shared.factors):
            seen = patch_rows(self.kernel, x, ones=ones)
            return Factored(seen[:, 0].mT, d[:, 0].mT) if self.kernel.groups == 1 else Grouped(seen.mT, d.mT)
        return Dense(packing.of_rows(_written(self.kernel, x, d, i, bias=ones)).sum(1))


def _written(kernel: Kernel, x: Tensor, d: Tensor, i: int, *, bias: bool) -> Tensor:
    """Return (N, o, i), with the bias as a last column, computed some examples at a time."""
    step = max(1, CACHED // (kernel.groups * i * d.shape[3] * x.element_size())) if x.device.type == "cpu" else len(x)
    matrix = d.new_empty(*d.shape[:3], i + bias)
    for place, part, y in zip(matrix.split(step), d.split(step), x.split(step), strict=True):
        place[..., :i] = part @ patch_rows(kernel, y).mT
    if bias:
        matrix[..., i] = d.sum(3)
    return matrix.flatten(1, 2)


def patch_rows(kernel: Kernel, x: Tensor, *, ones: bool = False) -> Tensor:
    """Return (N, groups, i, T): what the kernel sees at each position, written out; with ``ones`` a row of them below."""
    padded = kernel.padded(x)
    if prod(kernel.sides) == prod(kernel.stride) == 1 and not ones:  # each position sees itself alone
        return padded.reshape(len(x), kernel.groups, -1, prod(padded.shape[2:]))
    seen = patches(padded, kernel.sides, kernel.stride, kernel.dilation).unflatten(1, (kernel.groups, -1))
    sides, axes = seen.shape[2 : 3 + len(kernel.sides)], seen.shape[3 + len(kernel.sides) :]
    i = prod(sides)
    table = seen.new_empty(len(x), kernel.groups, i + ones, prod(axes))
    table[:, :, i:] = 1
    table[:, :, :i].view(seen.shape).copy_(seen)
    return table


def patches(x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Return (N, C, *kernel, *positions): what the kernel sees at each position, a view."""
    count = len(kernel)
    for axis in range(count):
        x = x.unfold(2 + axis, dilation[axis] * (kernel[axis] - 1) + 1, stride[axis])[..., :: dilation[axis]]
    return x.permute(0, 1, *range(2 + count, 2 + 2 * count), *range(2, 2 + count))


@dataclass(eq=False)
class TransposedConvolutionUse(Use):
    """The roles of input and output are exchanged, so the patches are those of the output's gradient; the weight is (in, out / groups, *kernel)."""

    operation: str
    weight: Pure | None
    bias: Pure | None
    inputs: Tensor
    owners: Tensor
    kernel: Kernel
    kind: str = "transposed kernel"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        x, packing = self.inputs, shared.packing(self.owners)
        if self.weight is not None:
            seen = patches(self.kernel.padded(gradient), self.kernel.sides, self.kernel.stride, self.kernel.dilation)
            seen = seen[(..., *(slice(size) for size in x.shape[2:]))].reshape(len(x), self.kernel.groups, -1, prod(x.shape[2:]))
            given = x.reshape(len(x), self.kernel.groups, -1, prod(x.shape[2:]))
            if self.kernel.groups == 1 and len(x) == shared.size and packing.rows is None:
                yield Part(self.weight, Factored(seen[:, 0].mT, given[:, 0].mT))
            else:
                yield Part(self.weight, Dense(packing.of_rows((given @ seen.mT).flatten(1, 2)).sum(1)))
        if self.bias is not None:
            yield Part(self.bias, Dense(packing.of_rows(gradient.flatten(2).sum(2)).sum(1, keepdim=True)))


def take_convolution(call: Call) -> object:
    """Take ``F.conv1d``, ``conv2d`` and ``conv3d``."""
    x, weight, bias = call.get(0, "input"), call.get(1, "weight"), call.get(2, "bias")
    kernel = Kernel.of(weight, call.get(3, "stride", 1), call.get(4, "padding", 0), call.get(5, "dilation", 1), call.get(6, "groups", 1))
    return _moved(call, ConvolutionUse, x, weight, bias, kernel)


def take_transposed_convolution(call: Call) -> object:
    """Take ``F.conv_transpose1d``, ``2d`` and ``3d``."""
    x, weight, bias = call.get(0, "input"), call.get(1, "weight"), call.get(2, "bias")
    kernel = Kernel.of(weight, call.get(3, "stride", 1), call.get(4, "padding", 0), call.get(7, "dilation", 1), call.get(6, "groups", 1))
    return _moved(call, TransposedConvolutionUse, x, weight, bias, kernel)


def _moved(call: Call, kind: Any, x: Tensor, weight: Tensor, bias: Tensor | None, kernel: Kernel) -> Any:
    recorder = call.recorder
    owners = recorder.owners(x) if recorder.is_data(x) else None
    if owners is None or recorder.is_data(weight) or x.dim() != weight.dim() or max(owners.shape[1:]) > 1:
        return call.give_up()
    use = kind(call.operation, recorder.pure(weight), recorder.pure(bias), x.detach(), owners.expand(len(x), *owners.shape[1:]).reshape(-1), kernel)
    return call.finish(recorder.watch(call.run(), use))
