"""Per-example gradients of any parameter: by torch.func mapped over the examples, or by autograd on one example at a time."""

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from whence.batch import Batch, per_example
from whence.errors import UsageError
from whence.objective import PerExample
from whence.problem import Problem
from whence.tree import tree_map


class Unmappable(Exception):
    """torch.func cannot take this model one example at a time."""


def mapped_gradients(problem: Problem, names: tuple[str, ...], batch: Batch, function: PerExample) -> dict[str, Tensor]:
    """name -> (B, *shape): the gradient of ``function(outputs, targets)`` of each example for the named parameters."""

    def one(parameters: dict[str, Tensor], inputs: Any, targets: Any) -> Tensor:
        single = tree_map(lambda leaf: leaf.unsqueeze(0), (inputs, targets))
        outputs = problem.outputs(single[0], parameters)
        return function(outputs, single[1])[0]

    chosen = {name: problem.state[name] for name in names}
    try:
        # Recurrent kernels of mkldnn cannot be mapped; what torch warns of here is speed alone.
        with warnings.catch_warnings(action="ignore", category=UserWarning), torch.backends.mkldnn.flags(enabled=False):
            return vmap(grad(one), in_dims=(None, 0, 0))(chosen, batch.inputs, batch.targets)
    except (RuntimeError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise Unmappable(str(error)) from error


def looped_gradients(problem: Problem, names: tuple[str, ...], batch: Batch, function: PerExample) -> dict[str, Tensor]:
    """The same by autograd, one example after the other: slow, and possible wherever training was."""
    found: list[dict[str, Tensor]] = []
    for one in batch.parts(1):
        try:
            found.append(total_gradient(problem, one, function, one.weights.new_ones(1), names))
        except (RuntimeError, TypeError, IndexError, ValueError) as error:
            reason = str(error).strip().split("\n")[0]
            raise UsageError(
                f"whence has no rule for {', '.join(names)}, and the model cannot take one example at a time ({reason}); "
                "leave them out through parameters=."
            ) from error
    return {name: torch.stack([one[name] for one in found]) for name in names}


def total_gradient(problem: Problem, batch: Batch, function: PerExample, weights: Tensor, names: tuple[str, ...] | None = None) -> dict[str, Tensor]:
    """name -> gradient of Σᵢ weights[i] · function(outputs, targets)ᵢ by plain autograd, the reference for every rule."""
    parameters = {name: problem.state[name].clone().requires_grad_() for name in names or problem.names}
    with torch.enable_grad():
        total = (per_example(function, "loss", problem.outputs(batch.inputs, parameters), batch) * weights).sum()
        found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(value) if gradient is None else gradient for (name, value), gradient in zip(parameters.items(), found, strict=True)
    }
