"""How two sets of rows would be contracted, layer by layer."""

from dataclasses import dataclass
from math import prod

from wherefrom.gradients.blocks import Block, Deferred, Factored, Indexed, SumBlock
from wherefrom.gradients.contraction import contraction
from wherefrom.gradients.coverage import Coverage
from wherefrom.gradients.rows import Rows

WAYS = {
    "gram": "Gram products",
    "common rows": "common table rows",
    "right": "query rows through training factors",
    "left": "training rows through query factors",
    "forward right": "forward mode over training examples",
    "forward left": "forward mode over queries",
    "dense": "written out",
}


@dataclass(frozen=True)
class LayerPlan:
    """One layer: its parameters, the rule that serves them, the forms of both sides, and the contraction with its multiplications a batch."""

    parameters: tuple[str, ...]
    rule: str
    shape: tuple[int, int]
    queries: str
    training: str
    contraction: str
    multiplications: int

    @property
    def name(self) -> str:
        """The module's name, or that of the parameter; of many without a rule, how many they are."""
        modules = {name.rpartition(".")[0] for name in self.parameters}
        return (
            self.parameters[0] if len(self.parameters) == 1 else modules.pop() or "model" if len(modules) == 1 else f"{len(self.parameters)} tensors"
        )


def layer_plans(queries: Rows, training: Rows, coverage: Coverage) -> tuple[LayerPlan, ...]:
    """The plan of each layer for these rows."""
    served = coverage.served()
    found = []
    for shape, left, right in zip(queries.layout.blocks, queries.blocks, training.blocks, strict=True):
        ways, cost = contraction(left, right)
        rule = served.get(shape.names[0], "projection")
        way = ", ".join(dict.fromkeys(WAYS[way] for way in ways))
        found.append(LayerPlan(shape.names, rule, left.shape, form(left), form(right), way, cost))
    return tuple(found)


def form(block: Block) -> str:
    """How a block is held, in words."""
    if isinstance(block, SumBlock):
        return " + ".join(dict.fromkeys(form(part) for part in block.parts))
    if isinstance(block, Factored):
        positions = block.inputs.shape[1]
        return "factors" if positions == 1 else f"factors of {positions} positions"
    if isinstance(block, Indexed):
        return f"{block.tokens.shape[1]} table rows"
    return "not written" if isinstance(block, Deferred) else f"{prod(block.shape):,} entries"
