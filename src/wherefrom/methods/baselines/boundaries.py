"""Distance of an example to the decision boundary, in input space and in weight space (DeepFool; Moosavi-Dezfooli, Fawzi & Frossard 2016)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.examples import Data
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients
from wherefrom.gradients.functional import outputs_each
from wherefrom.methods.output_selection import class_logits
from wherefrom.problem import Problem
from wherefrom.progress import track

ROUNDING = 100  # times the floating type's resolution: what a step may add to the distance at the end

Outputs = Callable[[Tensor, Tensor], Tensor]  # (points, their rows in the batch) -> logits


def sample_boundary(problem: Problem, data: Data | None = None, *, norm: float = 2.0, max_steps: int = 100, progress: bool = True) -> Tensor:
    """‖δ‖_norm of the least change δ of each input found that brings it to the boundary of the class it is put in (n,); inf where none is found.

    For the training examples, or others. Each step goes to the nearest of the boundaries as they look from there: the one to class k lies along
    w = ∇(f_k - f_y), at the distance |f_k - f_y| / ‖w‖_dual with 1/norm + 1/dual = 1; the step that crosses is halved down to the boundary. Exact
    for linear classifiers, an upper bound otherwise. One output f stands for the logits (0, f). Small for examples that the model all but takes
    for another class; Influenciae's score is minus this. Raises :class:`UsageError` for inputs that are not one floating tensor and outputs that
    are no logits.
    """
    _check(norm, max_steps)

    def outputs(batch: Batch) -> tuple[Tensor, Outputs]:
        start = _one_input(batch)
        return start.flatten(1), lambda points, rows: _logits(problem.outputs(points.view(len(points), *start.shape[1:])))

    return _distances(problem, data, outputs, norm, max_steps, progress)


def weights_boundary(problem: Problem, data: Data | None = None, *, norm: float = 2.0, max_steps: int = 100, progress: bool = True) -> Tensor:
    """‖Δθ‖_norm of the least change of the chosen parameters found that brings each example to its class's boundary (n,); inf where none is found.

    As :func:`sample_boundary`, with θ in the place of the input: each example has a Δθ of its own, and the model itself is never touched. Choose
    parameters by ``problem.restricted``. For a linear layer of two or more outputs and norm 2 it is |f_k - f_y| / (√2 ‖x̃‖), x̃ the input and 1.
    """
    _check(norm, max_steps)
    theta = problem.flatten(problem.parameters)

    def outputs(batch: Batch) -> tuple[Tensor, Outputs]:
        def at(points: Tensor, rows: Tensor) -> Tensor:
            return _logits(outputs_each(problem, problem.unflatten(points), batch.take(rows.cpu().numpy())))

        return theta.expand(len(batch), -1), at

    return _distances(problem, data, outputs, norm, max_steps, progress)


def _distances(
    problem: Problem, data: Data | None, outputs: Callable[[Batch], tuple[Tensor, Outputs]], norm: float, max_steps: int, progress: bool
) -> Tensor:
    """The distance of each example, in batches whose Jacobians (B, C, m) fit into an eighth of the memory budget."""
    examples = problem.train if data is None else problem.examples(data)
    Gradients(problem)  # refuses a model that mixes the examples of a batch
    with torch.no_grad():
        start, at = outputs(next(problem.batches(examples, size=1)))
        entries = start.shape[1] * at(start, torch.zeros(1, dtype=torch.int64)).shape[1]
        size = min(problem.batch_size or 256, max(1, problem.budget // 8 // (4 * entries * problem.dtype.itemsize)))
        found = torch.full((len(examples),), torch.inf, dtype=problem.dtype)
        for batch in track(problem.batches(examples, size=size), "distances to the boundary", -(-len(examples) // size), progress):
            found[torch.from_numpy(batch.positions)] = _reached(*outputs(batch), norm, max_steps).cpu()
    return found


def _reached(start: Tensor, at: Outputs, norm: float, max_steps: int) -> Tensor:
    """‖δ‖ of each row of a batch."""
    points, distance, rows = start.clone(), start.new_full((len(start),), torch.inf), torch.arange(len(start), device=start.device)
    classes = at(start, rows).argmax(1)
    for _ in range(max_steps):
        logits, jacobian = _jacobian(at, points[rows], rows)
        gaps = _gaps(logits, classes[rows])
        step, moved = _step(gaps, jacobian, norm), _norm(points[rows] - start[rows], norm)
        least = torch.finfo(start.dtype).eps * (ROUNDING * moved + 4 * _norm(points[rows], max(norm, 2.0)))
        arrived = (gaps.amin(1) <= 0) | (_norm(step, norm) <= least)
        distance[rows[arrived]] = moved[arrived]
        going = ~arrived & torch.isfinite(step).all(1)
        rows, step = rows[going], step[going]
        if not len(rows):
            break
        after = points[rows] + step
        crossed = _gaps(at(after, rows), classes[rows]).amin(1) < 0
        over = rows[crossed]
        if len(over):
            distance[over] = _norm(_halved(points[over], step[crossed], at, over, classes[over]) - start[over], norm)
        points[rows] = after
        rows = rows[~crossed]
        if not len(rows):
            break
    return distance


def _step(gaps: Tensor, jacobian: Tensor, norm: float) -> Tensor:
    """To the nearest boundary of the linearised logits: the δ of least ‖δ‖_norm with w·δ = gap (B, m); not finite where no logit moves."""
    own, each = gaps.argmax(1), torch.arange(len(gaps), device=gaps.device)  # the gap to itself is infinite
    ways = jacobian - jacobian[each, own][:, None]
    dual = torch.inf if norm == 1 else 1.0 if math.isinf(norm) else norm / (norm - 1)
    nearest = (gaps / _norm(ways, dual)).argmin(1)
    w = ways[each, nearest]
    return _steepest(w, dual, norm) * (gaps[each, nearest] / _norm(w, dual))[:, None]


def _steepest(w: Tensor, dual: float, norm: float) -> Tensor:
    """u of ‖u‖_norm = 1 with w·u = ‖w‖_dual: |w|^(dual - 1) sign(w), scaled; for norm 1 the largest entry alone, the first among equals."""
    if math.isinf(dual):
        place = w.abs().argmax(1, keepdim=True)
        return torch.zeros_like(w).scatter(1, place, w.gather(1, place).sign())
    powers = (w.abs() / w.abs().amax(1, keepdim=True)) ** (dual - 1) * w.sign()
    return powers / _norm(powers, norm)[:, None]


def _halved(before: Tensor, step: Tensor, at: Outputs, rows: Tensor, own: Tensor) -> Tensor:
    """The first point along the step at which the class has changed, to rounding."""
    low, high = torch.zeros_like(before[:, :1]), torch.ones_like(before[:, :1])
    for _ in range(1 - int(math.log2(torch.finfo(before.dtype).eps))):
        middle = (low + high) / 2
        over = (_gaps(at(before + middle * step, rows), own).amin(1) < 0)[:, None]
        low, high = torch.where(over, low, middle), torch.where(over, middle, high)
    return before + high * step


def _gaps(logits: Tensor, own: Tensor) -> Tensor:
    """f_y - f_k (B, C) of the class y of each example, infinite for itself."""
    return (logits.gather(1, own[:, None]) - logits).scatter(1, own[:, None], torch.inf)


def _jacobian(at: Outputs, points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, C) and their derivatives by the points (B, C, m): those of a sum over rows, which do not touch each other."""
    with torch.enable_grad():
        points = points.requires_grad_()
        logits = at(points, rows)
        columns = [torch.autograd.grad(logits[:, c].sum(), points, retain_graph=True, materialize_grads=True)[0] for c in range(logits.shape[1])]
    return logits.detach(), torch.stack(columns, 1)


def _norm(values: Tensor, norm: float) -> Tensor:
    return torch.linalg.vector_norm(values, norm, dim=-1)


def _logits(outputs: Tensor) -> Tensor:
    if outputs.dim() > 2:
        raise UsageError(f"Outputs of shape {tuple(outputs.shape)} are not one logit per class; give a model of (B, C), (B, 1) or (B,) outputs.")
    return class_logits(outputs)


def _one_input(batch: Batch) -> Tensor:
    inputs = batch.inputs
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        raise UsageError("Distances in input space need one floating tensor as input; use weights_boundary, or a model of the embeddings.")
    return inputs


def _check(norm: float, max_steps: int) -> None:
    if not norm >= 1:
        raise UsageError(f"norm={norm} is no norm; give 1 or more, or float('inf').")
    if max_steps < 1:
        raise UsageError(f"max_steps={max_steps} takes no step; give 1 or more.")
