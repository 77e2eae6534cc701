"""Damping chosen without retraining: curvature from one half of the data must serve the other half."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature import Curvature, GaussNewton, Operator
from wherefrom.curvature.layerwise import LAYER_DAMPING
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.solvers.solver import Solver

MULTIPLES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)  # of the mean eigenvalue, of each layer where layers are apart
SAMPLE = 32  # examples whose gradients are solved for


@dataclass(frozen=True)
class DampingCurve:
    """What each damping does, as multiples of the curvature's mean eigenvalue (of each layer's for Kronecker and diagonal curvatures).

    ``criterion`` is the mean of -½ (vᵀx)² / xᵀGx over held-out unit gradients v: how far along x, the solution by the curvature of the other half of
    the data, the held-out loss falls, by its own Gauss-Newton matrix G, when the best length is taken. The lower the better; infinite where the
    solver refused. ``agreement`` is the mean Spearman correlation of the scores among these examples with those at the chosen damping: where it is
    near 1 all along, the choice matters little.
    """

    multiples: tuple[float, ...]
    criterion: tuple[float, ...]
    agreement: tuple[float, ...]

    @property
    def chosen(self) -> float:
        """The multiple with the least criterion."""
        return self.multiples[int(np.argmin(self.criterion))]

    def __str__(self) -> str:
        lines = [
            f"{multiple:8g} x the mean eigenvalue: criterion {value:10.4g}, agreement {agreement:.3f}{'  chosen' if multiple == self.chosen else ''}"
            for multiple, value, agreement in zip(self.multiples, self.criterion, self.agreement, strict=True)
        ]
        return "\n".join(lines)


def chosen_damping(curvature: Curvature, solver: Solver, problem: Problem) -> DampingCurve:
    """The curve of a curvature and a solver on a problem; it takes a fit on half the data and a solve of 32 gradients for each damping."""
    if len(problem) < 4:
        raise UsageError(f"damping='auto' halves the data, and {len(problem)} examples are too few; give damping= a number.")
    order = np.random.default_rng(0).permutation(len(problem))
    seen, held = (problem.subset(problem.ids[np.sort(half)]) for half in np.array_split(order, 2))
    operator = curvature.fit(seen)
    vectors, truth = _gradients(held), GaussNewton().fit(held)
    values, scores, refused = [], [], ""
    for multiple in track(MULTIPLES, "choosing the damping", len(MULTIPLES)):
        try:
            x = solver.fit(operator, damping_of(operator, multiple)).solve(vectors).x
        except UsageError as error:  # not definite at so little damping
            refused = str(error)
            values.append(math.inf)
            scores.append(None)
            continue
        gain = float(((vectors * x).sum(0).square() / (x * (truth @ x)).sum(0).clamp_min(torch.finfo(x.dtype).tiny)).mean()) / 2
        values.append(-gain if math.isfinite(gain) else math.inf)
        scores.append(vectors.T @ x)
    if not math.isfinite(min(values)):
        reason = refused.replace("The ", "the ", 1) or "solutions overflow; give damping= a number."
        raise UsageError(f"No damping up to {MULTIPLES[-1]:g} x the mean eigenvalue serves: {reason}")
    return DampingCurve(MULTIPLES, tuple(values), tuple(_agreements(scores, int(np.argmin(values)))))


def damping_of(operator: Operator, multiple: float) -> float | Tensor:
    """A multiple of the mean eigenvalue: a column (d, 1) where layers are apart."""
    default = operator.default_damping()
    return default * (multiple / LAYER_DAMPING) if isinstance(default, Tensor) else multiple * operator.mean_eigenvalue()


def _gradients(problem: Problem) -> Tensor:
    """Gradients of some examples, of length 1, in columns; those that are 0 are left out."""
    gradients, kept = Gradients(problem), problem.train.take(np.arange(min(SAMPLE, len(problem))))
    with torch.no_grad():
        found = torch.cat([gradients.losses(batch).flat() for batch in problem.batches(kept)])
    sizes = found.norm(dim=1)
    if not bool((sizes > 0).any()):
        raise UsageError("Every gradient is 0, so no damping can be told from another; give damping= a number.")
    return (found[sizes > 0] / sizes[sizes > 0, None]).T.contiguous()


def _agreements(scores: Sequence[Tensor | None], best: int) -> list[float]:
    chosen = scores[best]
    assert chosen is not None
    ranked = _ranks(chosen)
    return [0.0 if one is None else float((_ranks(one) * ranked).sum(1).mean()) for one in scores]


def _ranks(scores: Tensor) -> np.ndarray:
    """Ranks within each row, centred and of length 1, so that products of rows are Spearman correlations; 0 where all are equal."""
    from scipy.stats import rankdata

    ranks = rankdata(scores.cpu().numpy(), axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    sizes = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(sizes > 0, sizes, 1.0)
