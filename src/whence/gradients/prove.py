"""Every rule is proved on a few examples against autograd, and the loss is shown not to mix examples, before anything relies on them."""

import numpy as np
import torch
from torch import Tensor

from whence.batch import Batch
from whence.errors import UsageError
from whence.gradients.coverage import Coverage, coverage_of, find_rules
from whence.gradients.functional import Unmappable, looped_gradients, mapped_gradients, total_gradient
from whence.gradients.layers import LayerRule
from whence.gradients.tape import Tape
from whence.problem import Problem

PROBE = 5  # examples on which everything is proved


def proved(problem: Problem) -> Coverage:
    """Keep the rules whose weighted sums over a few examples agree with autograd; unequal weights tell examples apart."""
    batch = next(problem.batches(size=PROBE))
    weights = torch.linspace(1.0, 2.0, len(batch), dtype=problem.dtype, device=problem.device)
    true = total_gradient(problem, batch, problem.objective.loss, weights)
    rules = find_rules(problem)
    tape = Tape(problem, tuple(rules))
    with torch.enable_grad(), tape.watching():
        losses = problem.losses(problem.outputs(batch.inputs), batch)
    _check_apart(problem, batch, losses.detach())
    with torch.enable_grad():
        tape.backward(losses.sum())
    good = _agreeing(tape, rules, batch, weights, true)
    held = sum(block.nbytes for rule in good for block in (tape.blocks(rule, len(batch)) or {}).values())
    bytes_each = (held + tape.nbytes) // len(batch)
    coverage = coverage_of(problem, good, bytes_each=bytes_each)
    if not coverage.mapped or _can_map(problem, coverage, batch, weights, true):
        return coverage
    looped_gradients(problem, coverage.mapped, batch, problem.objective.loss)  # refuses what it cannot do
    return coverage_of(problem, good, loop=True, bytes_each=bytes_each)


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


def _can_map(problem: Problem, coverage: Coverage, batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> bool:
    try:
        found = mapped_gradients(problem, coverage.mapped, batch, problem.objective.loss)
    except Unmappable:
        return False
    scale = max(float(value.abs().max()) for value in true.values())
    return all(close(torch.tensordot(weights, found[name].detach(), 1), true[name], scale) for name in coverage.mapped)


def _check_apart(problem: Problem, batch: Batch, losses: Tensor) -> None:
    """Each example's loss must be the same in other company: in another order, and without the first."""
    order = np.arange(len(batch))[::-1][: max(1, len(batch) - 1)].copy()
    other = batch.take(order)
    with torch.no_grad():
        again = problem.losses(problem.outputs(other.inputs), other)
    before = losses[torch.from_numpy(order).to(losses.device)]
    if not close(again, before, float(before.abs().max())):
        worst = int((again - before).abs().argmax())
        raise UsageError(
            f"The loss of example {other.ids[worst]!s} depends on which other examples are in its batch "
            f"({before[worst]:.6g}, then {again[worst]:.6g}); "
            "use a model and a loss that treat each example alone (no batch statistics, no dropout, reduction='none')."
        )


def close(found: Tensor, true: Tensor, scale: float) -> bool:
    """Equal to what the floating type allows, beside the largest entry of all."""
    tolerance = 100 * torch.finfo(true.dtype).eps ** 0.75
    return bool((found - true).abs().max() <= tolerance * max(scale, torch.finfo(true.dtype).tiny)) if true.numel() else True
