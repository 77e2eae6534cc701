"""Every rule is proved on a few examples against autograd, and the loss is shown not to mix examples, before anything relies on them."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients.coverage import Coverage, coverage_of, find_rules
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.functional import Unmappable, forward_products, looped_gradients, mapped_gradients, total_gradient
from wherefrom.gradients.layers import LayerRule
from wherefrom.gradients.tape import Tape

PROBE = 5  # examples on which everything is proved


def verify_rules(problem: Differentiable) -> Coverage:
    """Keep the rules whose weighted sums over a few examples agree with autograd; unequal weights tell examples apart."""
    batch = next(problem.batches(size=PROBE))
    weights = torch.linspace(1.0, 2.0, len(batch), dtype=problem.dtype, device=problem.device)
    true = total_gradient(problem, batch, problem.objective.loss, weights)
    rules = find_rules(problem)
    tape = Tape(problem, tuple(rules))
    with torch.enable_grad(), tape.watching():
        losses = problem.losses(problem.outputs(batch.inputs), batch)
    tape.batch_dims = tape.dims_beside(_check_apart(problem, batch, losses.detach(), Tape(problem, tuple(rules))))
    with torch.enable_grad():
        tape.backward(losses.sum())
    good = _agreeing(tape, rules, batch, weights, true)
    held = sum(block.nbytes for rule in good for block in (tape.blocks(rule, len(batch)) or {}).values())
    bytes_each = max(held + tape.nbytes, _activations(problem, batch)) // len(batch)
    coverage = replace(coverage_of(problem, good), batch_dims=tape.batch_dims, bytes_each=bytes_each)
    rest = coverage.mapped
    if not rest:
        return coverage
    coverage = replace(coverage, forward=_goes_forward(problem, rest, batch, weights, true))
    if _can_map(problem, rest, batch, weights, true):
        return coverage
    looped_gradients(problem, rest, batch, problem.objective.loss)  # refuses what it cannot do
    return replace(coverage, mapped=(), looped=rest)


def _activations(problem: Differentiable, batch: Batch) -> int:
    """Bytes that training all of the model would keep of a forward pass, whatever parameters are chosen."""
    weights = {name for name, value in problem.model.named_parameters() if value.is_floating_point()}
    state = {name: problem.state[name].detach().requires_grad_() for name in weights}
    own, kept = {value.untyped_storage().data_ptr() for value in problem.state.values()}, dict[int, int]()

    def keep(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        kept[storage.data_ptr()] = 0 if storage.data_ptr() in own else storage.nbytes()
        return saved

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        problem.outputs(batch.inputs, state)
    return sum(kept.values())


def _agreeing(tape: Tape, rules: list[LayerRule], batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> list[LayerRule]:
    """The rules of all parameters whose gradient, summed over the rules that share it, is autograd's."""
    sums: dict[str, Tensor] = {}
    failed: set[str] = set()
    for rule in rules:
        blocks = tape.blocks(rule, len(batch))
        for shape in rule.shapes:
            if blocks is None:  # no row per example, or not used: right only if nothing flows through it
                if tape.given[rule.module]:
                    failed.update(shape.names)
                continue
            pieces = shape.pieces((blocks[shape].dense() * weights[:, None, None]).sum(0)[None])
            for name, piece in zip(shape.names, pieces, strict=True):
                sums[name] = sums.get(name, 0) + piece
    scale = max(float(value.abs().max()) for value in true.values())
    for name, value in true.items():
        failed |= {name} if not close(sums.get(name, torch.zeros_like(value)).reshape(value.shape), value, scale) else set()
    good = [rule for rule in rules if not any(name in failed for shape in rule.shapes for name in shape.names)]
    return good if len(good) == len(rules) else _agreeing(tape, good, batch, weights, true)


def _can_map(problem: Differentiable, names: tuple[str, ...], batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> bool:
    try:
        found = mapped_gradients(problem, names, batch, problem.objective.loss)
    except Unmappable:
        return False
    scale = max(float(value.abs().max()) for value in true.values())
    return all(close(torch.tensordot(weights, found[name].detach(), 1), true[name], scale) for name in names)


def _goes_forward(problem: Differentiable, names: tuple[str, ...], batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> bool:
    """Whether forward mode gives the product of the gradient with itself, in one direction for each parameter."""
    directions = {name: torch.stack([true[name] * (name == along) for along in names]) for name in names}
    try:
        found = forward_products(problem, directions, batch, problem.objective.loss) @ weights
    except Unmappable:
        return False
    squares = torch.stack([true[name].square().sum() for name in names])
    return close(found, squares, float(squares.max()))


def _check_apart(problem: Differentiable, batch: Batch, losses: Tensor, tape: Tape) -> Tape:
    """Each example's loss must be the same in other company: in another order, and without the first, which the tape then holds."""
    order = np.arange(len(batch))[::-1][: max(1, len(batch) - 1)].copy()
    other = batch.take(order)
    with torch.enable_grad(), tape.watching():
        again = problem.losses(problem.outputs(other.inputs), other).detach()
    before = losses[torch.from_numpy(order).to(losses.device)]
    if not close(again, before, float(before.abs().max())):
        worst = int((again - before).abs().argmax())
        raise UsageError(
            f"The loss of example {other.ids[worst]!s} depends on which other examples are in its batch "
            f"({before[worst]:.6g}, then {again[worst]:.6g}); "
            "use a model and a loss that treat each example alone (no batch statistics, no dropout, reduction='none')."
        )
    return tape


def close(found: Tensor, true: Tensor, scale: float) -> bool:
    """Equal to what the floating type allows, beside the largest entry of all."""
    tolerance = 100 * torch.finfo(true.dtype).eps ** 0.75
    return bool((found - true).abs().max() <= tolerance * max(scale, torch.finfo(true.dtype).tiny)) if true.numel() else True
