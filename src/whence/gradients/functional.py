"""Per-example gradients of any parameter by torch.func: one gradient function mapped over the examples."""

from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from whence.errors import UsageError
from whence.objective import PerExample
from whence.problem import Batch, Problem, per_example
from whence.tree import tree_map


def mapped_gradients(problem: Problem, names: tuple[str, ...], batch: Batch, function: PerExample) -> dict[str, Tensor]:
    """name -> (B, *shape): the gradient of ``function(outputs, targets)`` of each example for the named parameters."""

    def one(parameters: dict[str, Tensor], inputs: Any, targets: Any) -> Tensor:
        single = tree_map(lambda leaf: leaf.unsqueeze(0), (inputs, targets))
        outputs = problem.outputs(single[0], parameters)
        return function(outputs, single[1])[0]

    chosen = {name: problem.state[name] for name in names}
    try:
        return vmap(grad(one), in_dims=(None, 0, 0))(chosen, batch.inputs, batch.targets)
    except (RuntimeError, TypeError, IndexError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"whence has no rule for {', '.join(names)}, and torch.func cannot take them one example at a time ({reason}); "
            "leave them out through parameters=."
        ) from error


def total_gradient(problem: Problem, batch: Batch, function: PerExample, weights: Tensor) -> dict[str, Tensor]:
    """name -> gradient of Σᵢ weights[i] · function(outputs, targets)ᵢ by plain autograd, the reference for every rule."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    with torch.enable_grad():
        total = (per_example(function, "loss", problem.outputs(batch.inputs, parameters), batch) * weights).sum()
        found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(value) if gradient is None else gradient for (name, value), gradient in zip(parameters.items(), found, strict=True)
    }
