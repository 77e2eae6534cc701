"""What the rules give is compared with autograd, parameter by parameter, before anything relies on it.

A parameter's uses in a pass (which operations, how) are its signature. What is new is proved on a few examples, at parameters moved by
noise, so that zeros prove nothing, with weights that are powers of two, so that rounding does not decide, and beside that parameter's own gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.data.batches import Batch, per_example
from wherefrom.data.trees import tree_map
from wherefrom.errors import UsageError
from wherefrom.forward import HALVES
from wherefrom.gradients.coverage import Coverage, coverage_of
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.functional import Unmappable, forward_products, looped_gradients, mapped_gradients, total_gradient
from wherefrom.gradients.passes import Record, record_of, record_pass
from wherefrom.gradients.proofs import Assumed, Signature
from wherefrom.objective import PerExample

PROBE, FEWEST = 5, 2  # examples on which everything is proved, of large models fewer
LARGE = 30_000_000  # numbers of a model for which each example is dear
SURVEYED = 2  # examples of the pass that plans are made of
PROOF = 3.0  # passes over the examples of a proof, with their backward passes
NOISE = 0.1  # of a parameter's root mean square, by which it is moved for the proof
COARSEST = 0.1  # the most that rounding of a coarse type may be taken for
STARTS = 0.02  # the same of a parameter that is all zeros


def surveyed(problem: Differentiable) -> Coverage:
    """Return how each parameter's gradients would be taken, from one forward pass and without a proof: for plans alone."""
    batch = next(problem.batches(size=SURVEYED))
    recorder, _ = record_pass(problem, batch)
    record = record_of(recorder)
    if record.unknown:
        return proved(problem)  # which finds out how what no rule serves can be taken
    coverage = coverage_of(problem, record.uses, ())
    return replace(coverage, proofs=Assumed(apart=True), bytes_each=2 * (record.nbytes + recorder.watched_bytes) // len(batch))


def proved(problem: Differentiable) -> Coverage:
    """Return how each parameter's gradients are taken, the rules compared with autograd on a few examples."""
    batch, loss = next(problem.batches(size=probe_size(problem))), problem.objective.loss
    recorder, outputs = record_pass(problem, batch)
    record, losses = record_of(recorder), problem.losses(outputs, batch).detach()
    del outputs
    _check_apart(problem, batch, losses, loss, record.precision)
    coverage = coverage_of(problem, record.uses, record.unknown)
    coverage.proofs.apart = len(batch) > 1
    bytes_each = max(2 * (record.nbytes + recorder.watched_bytes), _activations(problem, batch)) // len(batch)
    moved = moved_problem(exact_problem(problem))
    batch = batch_for(moved, batch)
    found = _compared(moved, coverage, batch, loss)
    _check_apart(moved, batch, found.losses, loss, found.precision)
    if found.failed:
        coverage = coverage_of(problem, record.uses, record.unknown, tuple(name for name in problem.names if name in found.failed))
        coverage = _without_rules(moved, coverage, batch, found.weights, found.true)
    coverage.proofs.add(_with_unused(problem, record), len(batch), right=True)
    return replace(coverage, bytes_each=bytes_each)


def probe_size(problem: Differentiable) -> int:
    """Return on how many examples everything is proved: fewer where each is dear."""
    return PROBE if sum(value.numel() for value in problem.state.values()) < LARGE else FEWEST


def newly_failed(problem: Differentiable, coverage: Coverage, record: Record, batch: Batch, function: PerExample) -> set[str]:
    """Return the parameters whose uses in this pass are unlike autograd's; what has not been compared yet is compared now.

    Every so often a few examples of uses that were found right are compared again. Raises :class:`UsageError` where they are not right any more.
    """
    used, proofs = _with_unused(problem, record), coverage.proofs
    verdicts = {name: proofs.verdict(name, kinds, record.size) for name, kinds in used.items() if name not in coverage.rest}
    new = {name: used[name] for name, verdict in verdicts.items() if verdict is None}
    failed = {name for name, verdict in verdicts.items() if verdict is False}
    if len(batch) > 1 and not proofs.apart:  # the first batch was of one example
        with torch.no_grad():
            _check_apart(problem, batch, per_example(function, "loss", problem.outputs(batch.inputs), batch), function, record.precision)
        proofs.apart = True
    if new:
        wrong = _wrong(problem, coverage, batch, function, new)
        proofs.add({name: kinds for name, kinds in new.items() if name not in wrong}, record.size, right=True)
        proofs.add({name: kinds for name, kinds in new.items() if name in wrong}, record.size, right=False)
        failed |= wrong
    if proofs.due(len(batch)):
        _check_again(problem, coverage, batch, function)
    return failed | {name for one in record.unknown for name in one.parameters}


def _wrong(problem: Differentiable, coverage: Coverage, batch: Batch, function: PerExample, new: Mapping[str, Signature]) -> set[str]:
    """Return those of the new uses that are unlike autograd's at moved parameters, or at θ where those take another way through the model."""
    exact = exact_problem(problem)
    batch = batch_for(exact, batch)
    found = _compared(moved_problem(exact), coverage, batch, function)
    if all(found.used[name] == kinds for name, kinds in new.items()):
        return found.failed & set(new)
    return (found.failed | _compared(exact, coverage, batch, function).failed) & set(new)


def _check_again(problem: Differentiable, coverage: Coverage, batch: Batch, function: PerExample) -> None:
    """Compare a few examples of a batch; refuse what was found right and is wrong here, since earlier rows may be as wrong."""
    count, exact = min(probe_size(problem), len(batch)), exact_problem(problem)
    places = np.random.default_rng(len(batch) + int(batch.positions[0])).choice(len(batch), count, replace=False)
    few = batch_for(exact, batch.take(np.sort(places)))
    found = _compared(exact, coverage, few, function)
    wrong = [name for name in problem.names if name in found.failed and coverage.proofs.verdict(name, found.used[name], len(few))]
    if wrong:
        raise UsageError(
            f"The rows of {wrong[0]!r} ({coverage.served()[wrong[0]]}) were right on the first examples and are wrong on some of "
            f"{', '.join(map(str, few.ids))}: the model treats examples in a way that is not followed; leave the parameter out through parameters=."
        )


def _with_unused(problem: Differentiable, record: Record) -> dict[str, Signature]:
    """Return parameter -> how it was used, for all that are chosen."""
    return dict.fromkeys(problem.names, frozenset()) | record.signatures()


def exact_problem(problem: Differentiable) -> Differentiable:
    """Return the problem in float32 or more, where memory allows a copy."""
    halves = any(value.dtype in HALVES for value in problem.state.values())
    copies = 4 * sum(value.numel() for value in problem.state.values() if value.is_floating_point())
    return problem.to(problem.dtype) if halves and copies < problem.budget // 2 else problem


def batch_for(problem: Differentiable, batch: Batch) -> Batch:
    """Return a batch with inputs in the type that a problem gives its model."""
    kind = problem.input_type
    return replace(batch, inputs=tree_map(lambda leaf: leaf.to(kind) if leaf.is_floating_point() else leaf, batch.inputs))


def moved_problem(problem: Differentiable) -> Differentiable:
    """Return the problem at θ plus noise of each parameter's own size, the same each time."""
    generator, moved = torch.Generator().manual_seed(0), {}
    for name, value in ((name, problem.state[name]) for name in problem.names):
        size = float(value.detach().float().square().mean().sqrt()) if value.numel() else 0.0
        noise = torch.randn(value.shape, generator=generator).to(value)
        moved[name] = value + noise * (NOISE * size if size > 0 else STARTS)
    return problem.at(moved)


def _recorded(problem: Differentiable, batch: Batch, function: PerExample, unreached: Sequence[str] = ()) -> tuple[Record, Tensor]:
    recorder, outputs = record_pass(problem, batch, unreached)
    with torch.enable_grad():
        losses = per_example(function, "loss", outputs, batch)
        recorder.backward(losses.sum())
    return record_of(recorder), losses.detach()


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came of comparing weighted sums of rows with autograd: the parameters that ``failed``, and what was seen on the way."""

    failed: set[str]
    true: dict[str, Tensor]  # autograd's sums
    weights: Tensor
    used: dict[str, Signature]
    losses: Tensor
    precision: float


def _compared(problem: Differentiable, coverage: Coverage, batch: Batch, function: PerExample) -> Comparison:
    """Compare the rules' weighted sums of rows with autograd's, for each parameter by itself."""
    powers = torch.randint(0, 8, (len(batch),), generator=torch.Generator().manual_seed(1))
    weights = (2.0 ** powers.double()).to(problem.device, problem.dtype) / 16
    true = total_gradient(problem, batch, function, weights)
    record, losses = _recorded(problem, batch, function, coverage.unreached)
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
    failed |= _beyond_noise(problem, batch, weights, true, sums, unlike, function) if unlike else set()
    return Comparison((failed & set(problem.names)) - rest, true, weights, _with_unused(problem, record), losses, record.precision)


def _beyond_noise(
    problem: Differentiable,
    batch: Batch,
    weights: Tensor,
    true: dict[str, Tensor],
    sums: dict[str, Tensor],
    names: set[str],
    function: PerExample,
) -> set[str]:
    """Return those of the parameters that differ by more than autograd does from itself when the examples come in two parts."""
    size = (len(batch) + 1) // 2
    parts = [total_gradient(problem, part, function, some) for part, some in zip(batch.parts(size), weights.split(size), strict=True)]
    noise = {name: 10 * float((true[name] - sum(part[name] for part in parts)).abs().max()) for name in names}
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
    weights = {name for name, value in problem.model.named_parameters() if type(value) is nn.Parameter and value.is_floating_point()}
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


def _check_apart(problem: Differentiable, batch: Batch, losses: Tensor, function: PerExample, precision: float) -> None:
    """Refuse a loss that is not the same in other company: in another order, and without the first half."""

    def again_of(places: np.ndarray) -> tuple[Batch, Tensor]:
        with torch.no_grad():
            other = batch.take(places)
            return other, per_example(function, "loss", problem.outputs(other.inputs), other)

    order = np.arange(len(batch))[::-1][: max(1, (len(batch) + 1) // 2)].copy()
    try:
        other, again = again_of(order)
    except RuntimeError:  # such as sequences that have to be sorted by length
        order = np.arange(len(batch) // 2, len(batch))
        other, again = again_of(order)
    before = losses[torch.from_numpy(order).to(losses.device)]
    if not close(again, before, float(before.abs().max()), precision=precision):
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
