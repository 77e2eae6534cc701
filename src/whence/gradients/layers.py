"""Which parameters a layer rule serves: found by the model's structure, then proved on a few examples against autograd."""

from collections import Counter
from dataclasses import dataclass

from torch import nn

from whence.gradients.rows import BlockShape
from whence.problem import Problem


@dataclass(frozen=True)
class LinearRule:
    """One linear layer: its module's path, its chosen parameters, and how they lie in its block."""

    module: str
    weight: bool
    bias: bool
    block: BlockShape


@dataclass(frozen=True)
class Coverage:
    """The rule that serves each chosen parameter; ``mapped`` are left to torch.func."""

    linear: tuple[LinearRule, ...]
    mapped: tuple[str, ...]
    blocks: tuple[BlockShape, ...]


def linear_rules(problem: Problem) -> list[LinearRule]:
    """A rule for each linear layer that has chosen parameters of its own, shared with no other module."""
    uses = Counter(id(value) for _, value in problem.model.named_parameters(remove_duplicate=False))
    rules = []
    for path, module in problem.model.named_modules():
        if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward:
            continue
        prefix = f"{path}." if path else ""
        own = {name: f"{prefix}{name}" for name, value in module.named_parameters(recurse=False) if uses[id(value)] == 1}
        weight, bias = own.get("weight") in problem.names, own.get("bias") in problem.names
        if weight or bias:
            rules.append(LinearRule(path, weight, bias, _block(own, module, weight, bias)))
    return rules


def _block(own: dict[str, str], module: nn.Linear, weight: bool, bias: bool) -> BlockShape:
    names = ((own["weight"],) if weight else ()) + ((own["bias"],) if bias else ())
    columns = ((module.in_features,) if weight else ()) + ((1,) if bias else ())
    return BlockShape(names, module.out_features, columns)


def coverage_of(problem: Problem, linear: list[LinearRule]) -> Coverage:
    """These rules, and torch.func for what they leave."""
    served = {name for rule in linear for name in rule.block.names}
    mapped = tuple(name for name in problem.names if name not in served)
    blocks = [rule.block for rule in linear] + [BlockShape((name,), 1, (problem.state[name].numel(),)) for name in mapped]
    return Coverage(tuple(linear), mapped, tuple(blocks))
