"""How each parameter's gradients are taken, as a first recorded pass shows: by which operations, in which block, or without a rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod

from torch import nn

from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.origins import Pure
from wherefrom.gradients.proofs import Proofs
from wherefrom.gradients.pullback import SAME, turns
from wherefrom.gradients.recorder import Unknown
from wherefrom.gradients.rows import BlockShape, Layout
from wherefrom.gradients.uses import Use, natural_shape


@dataclass(frozen=True, eq=False)
class Coverage:
    """The blocks of a problem's parameters; ``mapped`` ones are left to torch.func, ``looped`` ones are taken one example at a time."""

    blocks: tuple[BlockShape, ...]
    kinds: Mapping[str, tuple[str, ...]]  # parameter -> kinds of operations that use it
    unknown: tuple[Unknown, ...] = ()
    mapped: tuple[str, ...] = ()
    looped: tuple[str, ...] = ()
    forward: bool = False  # whether mapped or looped parameters can be taken in forward mode
    bytes_each: int = 0  # what a pass and the rules keep of one example
    proofs: Proofs = field(default_factory=Proofs)

    @property
    def rest(self) -> tuple[str, ...]:
        """The parameters that no rule serves."""
        return self.mapped or self.looped

    @property
    def is_linear_layer(self) -> bool:
        """Whether all chosen parameters are one linear layer, weight included."""
        names = self.blocks[0].names
        return len(self.blocks) == 1 and not self.rest and all(self.kinds.get(name) == ("Linear",) for name in names) and len(names) <= 2

    @property
    def unreached(self) -> tuple[str, ...]:
        """The parameters that the first pass did not use."""
        return tuple(name for name, kinds in self.kinds.items() if not kinds and name not in self.rest)

    def layout(self, problem: Differentiable) -> Layout:
        """Return where each parameter lies."""
        return Layout({name: problem.state[name].shape for name in problem.names}, self.blocks)

    def served(self) -> dict[str, str]:
        """Return parameter -> what serves it, in words."""
        words = {name: " + ".join(dict.fromkeys(kinds)) or "not used" for name, kinds in self.kinds.items()}
        return words | dict.fromkeys(self.mapped, "torch.func") | dict.fromkeys(self.looped, "one example at a time")


def coverage_of(problem: Differentiable, uses: Iterable[Use], unknown: Iterable[Unknown], rest: tuple[str, ...] = ()) -> Coverage:
    """Return the coverage that a recorded pass shows, with ``rest`` left to torch.func."""
    uses, unknown = list(uses), tuple(unknown)
    kinds: dict[str, list[str]] = {name: [] for name in problem.names}
    for use in uses:
        for pure in use.pures:
            for root in pure.roots:
                kinds[root].append(use.title)
    pairs = _pairs(problem, uses, rest)
    blocks, done = [], set(rest)
    for name in problem.names:
        if name in done:
            continue
        blocks.append(pairs.get(name) or _alone(problem, name, uses))
        done.update(blocks[-1].names)
    if rest:
        blocks.append(BlockShape(rest, 1, tuple(prod(problem.state[name].shape) for name in rest)))
    return Coverage(tuple(blocks), {name: tuple(found) for name, found in kinds.items()}, unknown, rest)


def leaf_of(pure: Pure | None) -> tuple[str, bool] | None:
    """Return (parameter, whether it is transposed) of something that is a parameter but for casts and transposes; None for others."""
    turned = False
    while pure is not None and pure.function is not None:
        if len(pure.parents) != 1 or pure.place is not None:
            return None
        if turns(pure):
            turned = not turned
        elif not (pure.name in SAME and pure.tensor.shape == pure.parents[0].tensor.shape):
            return None
        pure = pure.parents[0]
    return None if pure is None else (pure.roots[0], turned)


def paired_names(use: Use) -> tuple[str, str, bool] | None:
    """Return (weight, bias, whether the weight is kept transposed) where a use is of both as they stand; None for others."""
    if len(use.pures) != 2 or use.kind not in ("matrix", "matrix transposed", "kernel"):
        return None
    weight, bias = leaf_of(use.pures[0]), leaf_of(use.pures[1])
    if weight is None or bias is None or bias[1]:
        return None
    return weight[0], bias[0], weight[1] != (use.kind == "matrix transposed")


def _pairs(problem: Differentiable, uses: list[Use], rest: tuple[str, ...]) -> dict[str, BlockShape]:
    """Return weight -> the block that it shares with the bias that is always used with it, and the other way round."""
    partners: dict[str, set[tuple[str, str, bool] | None]] = {}
    for use in uses:
        pair = paired_names(use)
        for pure in use.pures:
            for root in pure.roots:
                partners.setdefault(root, set()).add(pair)
    for weight, bias in _linear_layers(problem):
        if weight not in partners and bias not in partners:  # not reached by the recorded pass, such as an expert
            partners[weight] = partners[bias] = {(weight, bias, False)}
    counts: dict[str, int] = {}
    for use in uses:
        for pure in use.pures:
            for root in pure.roots:
                counts[root] = counts.get(root, 0) + 1
    shapes: dict[str, BlockShape] = {}
    for found in partners.values():
        if len(found) != 1 or (pair := next(iter(found))) is None:
            continue
        weight, bias, transposed = pair
        alike = partners.get(weight) == partners.get(bias) == found
        if alike and not {weight, bias} & set(rest) and counts.get(weight, 1) == counts.get(bias, 1):
            o, i = natural_shape(problem.state[weight].shape)
            o, i = (i, o) if transposed else (o, i)
            shapes[weight] = shapes[bias] = BlockShape((weight, bias), o, (i, 1), transposed)
    return shapes


def _alone(problem: Differentiable, name: str, uses: list[Use]) -> BlockShape:
    """Return the block of one parameter: oriented as its matrix is used, a stack as its matrices one below the other."""
    shape = problem.state[name].shape
    kinds = {use.kind for use in uses for pure in use.pures if (leaf := leaf_of(pure)) and leaf[0] == name}
    if kinds == {"copies"}:
        return BlockShape((name,), 1, (shape.numel(),))
    stack = len(shape) == 3 and kinds <= {"stack"}  # matrices one below the other, such as experts
    o, i = (shape[:-1].numel(), shape[-1]) if stack else natural_shape(shape)
    biases = any(pure is use.pures[-1] and use.kind != "copies" and len(shape) == 1 for use in uses for pure in use.pures if pure.roots == (name,))
    if biases:
        return BlockShape((name,), i, (1,))
    turned = {(leaf[1] != (use.kind == "matrix transposed")) for use in uses for pure in use.pures if (leaf := leaf_of(pure)) and leaf[0] == name}
    if kinds <= {"matrix", "matrix transposed"} and turned == {True}:
        return BlockShape((name,), i, (o,), transposed=True)
    return BlockShape((name,), o, (i,))


def _linear_layers(problem: Differentiable) -> list[tuple[str, str]]:
    """Return weight and bias of each linear layer and convolution, both chosen."""
    names = {id(value): name for name, value in problem.model.named_parameters()}
    layers = []
    for module in problem.model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.bias is not None:
            weight, bias = names.get(id(module.weight)), names.get(id(module.bias))
            if weight in problem.names and bias in problem.names:
                layers.append((weight, bias))
    return layers
