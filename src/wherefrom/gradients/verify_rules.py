"""What the rules give is compared with autograd, parameter by parameter, before anything relies on it.

A parameter's uses in a pass (which operations, how) are its signature. What is new is proved on a few examples, at parameters moved by
noise, so that zeros prove nothing, with weights that are powers of two, so that rounding does not decide, and beside that parameter's own gradient.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients.coverage import Coverage, coverage_of
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.functional import Unmappable, forward_products, looped_gradients, mapped_gradients, total_gradient
from wherefrom.gradients.passes import Record, record_of, record_pass

PROBE = 5  # examples on which everything is proved
NOISE = 0.1  # of a parameter's root mean square, by which it is moved for the proof
COARSEST = 0.1  # the most that rounding of a coarse type may be taken for
STARTS = 0.02  # the same of a parameter that is all zeros


def proved(problem: Differentiable) -> Coverage:
    """Return how each parameter's gradients are taken, the rules compared with autograd on a few examples."""
    batch = next(problem.batches(size=PROBE))
    record, losses = _recorded(problem, batch)
    _check_apart(problem, batch, losses)
    coverage = coverage_of(problem, record.uses, record.unknown)
    bytes_each = max(2 * record.nbytes, _activations(problem, batch)) // len(batch)
    moved = moved_problem(problem)
    failed, true, weights = _unlike_autograd(moved, coverage, batch)
    if failed:
        coverage = coverage_of(problem, record.uses, record.unknown, tuple(name for name in problem.names if name in failed))
        coverage = _without_rules(moved, coverage, batch, weights, true)
    coverage.add_proved(record.signatures(), len(batch))
    return replace(coverage, bytes_each=bytes_each)


def prove_again(problem: Differentiable, coverage: Coverage, batch: Batch, new: Mapping[str, object]) -> tuple[str, ...]:
    """Return those of the parameters with new signatures whose rows are unlike autograd's on a batch."""
    failed, _, _ = _unlike_autograd(moved_problem(problem), coverage, batch)
    return tuple(name for name in new if name in failed)


def moved_problem(problem: Differentiable) -> Differentiable:
    """Return the problem at θ plus noise of each parameter's own size, the same each time."""
    generator = torch.Generator().manual_seed(0)
    moved = {}
    for name, value in ((name, problem.state[name]) for name in problem.names):
        size = float(value.detach().float().square().mean().sqrt()) if value.numel() else 0.0
        noise = torch.randn(value.shape, generator=generator).to(value)
        moved[name] = value + noise * (NOISE * size if size > 0 else STARTS)
    return problem.at(moved)


def _recorded(problem: Differentiable, batch: Batch) -> tuple[Record, Tensor]:
    recorder, outputs = record_pass(problem, batch)
    with torch.enable_grad():
        losses = problem.losses(outputs, batch)
        recorder.backward(losses.sum())
    return record_of(recorder), losses.detach()


def _unlike_autograd(problem: Differentiable, coverage: Coverage, batch: Batch) -> tuple[set[str], dict[str, Tensor], Tensor]:
    """Return the parameters whose weighted sums of rows are not autograd's, autograd's, and the weights."""
    powers = torch.randint(0, 8, (len(batch),), generator=torch.Generator().manual_seed(1))
    weights = (2.0 ** powers.double()).to(problem.device, problem.dtype) / 16
    true = total_gradient(problem, batch, problem.objective.loss, weights)
    record, _ = _recorded(problem, batch)
    rest = frozenset(coverage.rest)
    sums = record.weighted_sums(problem, coverage.layout(problem), weights, rest)
    failed = {root for one in record.unknown for root in one.parameters}
    largest = max((float(value.abs().max()) for value in true.values() if value.numel()), default=0.0)
    floor, unlike = 30 * record.precision * largest, set()  # a gradient that is zero but for rounding is as exact as that of all others
    for name, value in true.items():
        if name not in rest and value.numel():
            rows = sums.get(name, torch.zeros_like(value)).reshape(value.shape)
            sums[name] = rows
            if not close(rows, value, float(value.abs().max()), floor, record.precision):
                unlike.add(name)
    failed |= _beyond_noise(problem, batch, weights, true, sums, unlike) if unlike else set()
    return (failed & set(problem.names)) - rest, true, weights


def _beyond_noise(
    problem: Differentiable, batch: Batch, weights: Tensor, true: dict[str, Tensor], sums: dict[str, Tensor], names: set[str]
) -> set[str]:
    """Return those of the parameters that differ by more than autograd does from itself when the examples come in another order."""
    order = np.arange(len(batch))[::-1].copy()
    again = total_gradient(problem, batch.take(order), problem.objective.loss, weights.flip(0))
    noise = {name: 10 * float((true[name] - again[name]).abs().max()) for name in names}
    return {name for name in names if not float((sums[name] - true[name]).abs().max()) <= noise[name]}  # NaN too


def _without_rules(problem: Differentiable, coverage: Coverage, batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> Coverage:
    """Return the coverage with the way that takes what no rule serves."""
    rest = coverage.rest
    coverage = replace(coverage, forward=_goes_forward(problem, rest, batch, weights, true))
    if _can_map(problem, rest, batch, weights, true):
        return coverage
    looped_gradients(problem, rest, batch, problem.objective.loss)  # refuses what it cannot do
    return replace(coverage, mapped=(), looped=rest)


def _activations(problem: Differentiable, batch: Batch) -> int:
    """Return the bytes that training all of the model would keep of a forward pass, whatever parameters are chosen."""
    weights = {name for name, value in problem.model.named_parameters() if value.is_floating_point()}
    state = {name: problem.state[name].detach().requires_grad_() for name in weights}
    own, held = {value.untyped_storage().data_ptr() for value in problem.state.values()}, dict[int, int]()

    def hold(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        held[storage.data_ptr()] = 0 if storage.data_ptr() in own else storage.nbytes()
        return saved

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(hold, lambda saved: saved):
        problem.outputs(batch.inputs, state)
    return sum(held.values())


def _can_map(problem: Differentiable, names: tuple[str, ...], batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> bool:
    try:
        found = mapped_gradients(problem, names, batch, problem.objective.loss)
    except Unmappable:
        return False
    scale = max(float(value.abs().max()) for value in true.values())
    return all(close(torch.tensordot(weights, found[name].detach(), 1), true[name], scale) for name in names)


def _goes_forward(problem: Differentiable, names: tuple[str, ...], batch: Batch, weights: Tensor, true: dict[str, Tensor]) -> bool:
    """Return whether forward mode gives the product of the gradient with itself, in one direction for each parameter."""
    directions = {name: torch.stack([true[name] * (name == along) for along in names]) for name in names}
    try:
        found = forward_products(problem, directions, batch, problem.objective.loss).to(weights.dtype) @ weights
    except Unmappable:
        return False
    squares = torch.stack([true[name].square().sum() for name in names])
    return close(found, squares, float(squares.max()))


def _check_apart(problem: Differentiable, batch: Batch, losses: Tensor) -> None:
    """Refuse a loss that is not the same in other company: in another order, and without the first."""
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


def close(found: Tensor, true: Tensor, scale: float, noise: float = 0.0, precision: float = 0.0) -> bool:
    """Return whether both are equal to what rounding (of the type, or as coarse as told) allows beside ``scale``, or differ by no more than noise."""
    tolerance = min(COARSEST, 100 * max(precision, torch.finfo(true.dtype).eps) ** 0.75)
    limit = max(tolerance * max(scale, torch.finfo(true.dtype).tiny), noise)
    return bool((found - true).abs().max() <= limit) if true.numel() else True
