"""Which rule serves which parameter: found by the model's structure, kept where a few examples show that it agrees with autograd."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from torch import nn

from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.layers import RULES, LayerRule, LinearRule
from wherefrom.gradients.rows import BlockShape, Layout


@dataclass(frozen=True)
class Coverage:
    """The rules of a problem's layers; ``mapped`` parameters are left to torch.func, ``looped`` ones are taken one example at a time."""

    rules: tuple[LayerRule, ...]
    mapped: tuple[str, ...]
    looped: tuple[str, ...]
    blocks: tuple[BlockShape, ...]
    batch_dims: Mapping[str, int] = field(default_factory=dict)  # of modules that are not given their examples along the first
    forward: bool = False  # whether mapped or looped parameters can be taken in forward mode
    bytes_each: int = 0  # what a pass and the rules keep of one example

    @property
    def linear_head(self) -> LinearRule | None:
        """The rule of the one linear layer, weight included, that all chosen parameters belong to; None otherwise."""
        only = self.rules[0] if len(self.rules) == 1 and not self.mapped and not self.looped else None
        return only if isinstance(only, LinearRule) and "weight" in only.names else None

    def layout(self, problem: Differentiable) -> Layout:
        """Where each parameter lies."""
        return Layout({name: problem.state[name].shape for name in problem.names}, self.blocks)

    def served(self) -> dict[str, str]:
        """Parameter -> the name of what serves it."""
        found: dict[str, str] = {}
        for rule in self.rules:
            for name in (name for shape in rule.shapes for name in shape.names):
                kind = type(rule).__name__.removesuffix("Rule")
                found[name] = f"{found[name]} + {kind}" if name in found else kind
        return found | dict.fromkeys(self.mapped, "torch.func") | dict.fromkeys(self.looped, "one example at a time")


def find_rules(problem: Differentiable) -> list[LayerRule]:
    """A rule for each module of a known kind that has chosen parameters of its own."""
    names = {id(value): name for name, value in problem.model.named_parameters()}
    uses = Counter(id(value) for _, value in problem.model.named_parameters(remove_duplicate=False))
    tied = frozenset(names[key] for key, count in uses.items() if count > 1 and names[key] in problem.names)
    rules: list[LayerRule] = []
    taken: list[str] = []
    for path, module in problem.model.named_modules():
        kind = next((kind for kind in RULES if kind.serves(module)), None)
        if kind is None or any(path.startswith(above) for above in taken):
            continue
        local = module.named_parameters(recurse=kind.takes_children, remove_duplicate=False)
        own = {key: names[id(value)] for key, value in local if names[id(value)] in problem.names}
        rule = kind.of(path, module, own, tied) if own else None
        if rule is not None:
            rules.append(rule)
            taken += [f"{path}."] * kind.takes_children
    return rules


def coverage_of(problem: Differentiable, rules: list[LayerRule]) -> Coverage:
    """These rules, and torch.func for what they leave."""
    shapes = list(dict.fromkeys(shape for rule in rules for shape in rule.shapes))
    served = {name for shape in shapes for name in shape.names}
    rest = tuple(name for name in problem.names if name not in served)
    if rest:
        shapes.append(BlockShape(rest, 1, tuple(prod(problem.state[name].shape) for name in rest)))
    return Coverage(tuple(rules), rest, (), tuple(shapes))


def modules_of(problem: Differentiable, rules: tuple[LayerRule, ...]) -> dict[str, nn.Module]:
    """Path -> module of every rule."""
    return {rule.module: problem.model.get_submodule(rule.module) for rule in rules}
