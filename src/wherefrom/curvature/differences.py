"""What proves a product with second derivatives: what the first derivative changes by over a small step."""

from collections.abc import Callable, Sequence

from torch import Tensor

from wherefrom.problem import Problem

AWAY = 1e-3  # from the problem's own parameters, at which units may stand where ReLU turns over: on inputs and biases of 0
SLACK = 1e-3  # of the lengths of product and difference, that is rounding


def moved(problem: Problem, along: Sequence[Tensor], step: float) -> Problem:
    """Return the problem at θ + step v, v (1, *shape) for each parameter."""
    return problem.at({name: value + step * part[0] for (name, value), part in zip(problem.parameters.items(), along, strict=True)})


def first_unlike(products: Sequence[Tensor], first: Callable[[float], Sequence[Tensor]], step: float, least: float) -> int | None:
    """Return the place of the first product that ``first``, at steps about 0, does not change by; None where all agree but for ``least``."""
    for place, (product, high, low) in enumerate(zip(products, first(step), first(-step), strict=True)):
        change = (high - low) / (2 * step)
        gap, size = float((change - product).norm()), float(change.norm() + product.norm())
        if gap > SLACK * size + least:
            return place
    return None
