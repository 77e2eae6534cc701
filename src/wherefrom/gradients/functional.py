"""Per-example gradients of any parameter: mapped over the examples, or one at a time; and their products with a few directions."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from wherefrom.data.batches import Batch, per_example
from wherefrom.data.trees import tree_map
from wherefrom.errors import UsageError
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.objective import PerExample

# What torch raises where an operation has no rule for mapping or for forward mode.
REFUSALS = (RuntimeError, TypeError, IndexError, ValueError, AttributeError)


class Unmappable(Exception):
    """torch.func cannot take this model one example at a time, or forward mode cannot take it at all."""


def mapped_gradients(problem: Differentiable, names: tuple[str, ...], batch: Batch, function: PerExample) -> dict[str, Tensor]:
    """name -> (B, *shape): the gradient of ``function(outputs, targets)`` of each example for the named parameters."""

    def one(parameters: dict[str, Tensor], inputs: Any, targets: Any) -> Tensor:
        single = tree_map(lambda leaf: leaf.unsqueeze(0), (inputs, targets))
        outputs = problem.outputs(single[0], parameters)
        return function(outputs, single[1])[0]

    chosen = {name: problem.state[name] for name in names}
    with _plain_kernels():
        return vmap(grad(one), in_dims=(None, 0, 0))(chosen, batch.inputs, batch.targets)


def looped_gradients(problem: Differentiable, names: tuple[str, ...], batch: Batch, function: PerExample) -> dict[str, Tensor]:
    """The same by autograd, one example after the other: slow, and possible wherever training was."""
    found: list[dict[str, Tensor]] = []
    for one in batch.parts(1):
        try:
            found.append(total_gradient(problem, one, function, one.weights.new_ones(1), names))
        except REFUSALS as error:
            reason = str(error).strip().split("\n")[0]
            raise UsageError(
                f"wherefrom has no rule for {', '.join(names)}, and the model cannot take one example at a time ({reason}); "
                "leave them out through parameters=."
            ) from error
    return {name: torch.stack([one[name] for one in found]) for name in names}


def outputs_each(problem: Differentiable, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
    """The outputs of each example at parameters of its own, name -> (B, *shape); mapped over the examples, or one at a time."""

    def one(values: Mapping[str, Tensor], inputs: Any) -> Tensor:
        return problem.outputs(tree_map(lambda leaf: leaf.unsqueeze(0), inputs), values)[0]

    try:
        with _plain_kernels():
            return vmap(one)(parameters, batch.inputs)
    except Unmappable:
        own = [{name: value[row] for name, value in parameters.items()} for row in range(len(batch))]
        return torch.cat([problem.outputs(single.inputs, values) for single, values in zip(batch.parts(1), own, strict=True)])


def forward_products(problem: Differentiable, directions: Mapping[str, Tensor], batch: Batch, function: PerExample) -> Tensor:
    """(q, B) products of the gradient of ``function(outputs, targets)`` of each example with directions, name -> (q, *shape).

    One forward-mode product over the whole batch for each direction: the model is run as it is, and no gradient is written.
    """
    found = []
    with _plain_kernels():
        for row in range(len(next(iter(directions.values())))):
            with forward_ad.dual_level():
                moved = {name: forward_ad.make_dual(problem.state[name], along[row]) for name, along in directions.items()}
                values = per_example(function, "loss", problem.outputs(batch.inputs, moved), batch)
                tangent = forward_ad.unpack_dual(values).tangent
            found.append(torch.zeros_like(values) if tangent is None else tangent)
    return torch.stack(found)


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Without the fused kernels of recurrence and attention, which can be neither mapped nor run forward; torch then warns of speed alone."""
    try:
        with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            yield
    except REFUSALS as error:
        raise Unmappable(str(error)) from error


def total_gradient(
    problem: Differentiable, batch: Batch, function: PerExample, weights: Tensor, names: tuple[str, ...] | None = None
) -> dict[str, Tensor]:
    """name -> gradient of Σᵢ weights[i] · function(outputs, targets)ᵢ by plain autograd, the reference for every rule."""
    parameters = {name: problem.state[name].clone().requires_grad_() for name in names or problem.names}
    with torch.enable_grad():
        total = (per_example(function, "loss", problem.outputs(batch.inputs, parameters), batch) * weights).sum()
        leaves = list(parameters.values())
        try:
            found = torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else (None,) * len(leaves)
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
            raise UsageError(
                "The model writes in place to what its own gradient needs, so torch cannot take gradients through it as it stands; let it copy first "
                "(a model of transformers that keeps a cache: model.config.use_cache = False)."
            ) from error
    return {
        name: torch.zeros_like(value, dtype=problem.dtype) if gradient is None else _plain(gradient).to(problem.dtype)
        for (name, value), gradient in zip(parameters.items(), found, strict=True)
    }


def _plain(gradient: Tensor) -> Tensor:
    """Return a gradient with all of its zeros, such as of a table that torch keeps sparse."""
    return gradient.to_dense() if gradient.is_sparse else gradient
