"""Training run again with the structure of the trees held: every leaf value from the data, and the proof that they are the model's."""

from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted


@dataclass(frozen=True, eq=False)
class Replay:
    """What boosting with these trees gives: ``start`` (K,), ``values`` as in :class:`Boosted`, and ``raw`` (n, K) after the last round.

    ``steps`` holds the inner steps of each round, (entries,) each, and ``hessians`` Σwh + l2 of each: (entries,), or (leaves, K, K) where full.
    """

    start: np.ndarray
    values: np.ndarray
    raw: np.ndarray
    steps: tuple[tuple[np.ndarray, ...], ...]
    hessians: tuple[tuple[np.ndarray, ...], ...]


def replay(trees: Boosted, leaves: np.ndarray, y: np.ndarray, weights: np.ndarray, count: int | None = None) -> Replay:
    """Return the leaf values that rows (their leaves, targets and weights) give; ``count`` rows make the mean weight (default: all)."""
    rule = trees.rule
    start = rule.start.value(y, weights)
    raw = np.tile(start, (len(y), 1))
    values, all_steps, all_hessians = np.empty_like(trees.values), [], []
    for number in range(trees.rounds):
        slots, size = trees.slots(leaves, number), int(trees.bounds[number + 1] - trees.bounds[number])
        ridge = ridge_of(trees, number, weights, count)
        total, steps, hessians = np.zeros(size), [], []
        for _ in range(rule.steps):
            g, h = rule.loss.derivatives(y, raw + total[slots] if steps else raw)
            step, hessian = _newton(slots, weights, g, h, ridge, size)
            total = total + step
            steps.append(step)
            hessians.append(hessian)
        values[trees.bounds[number] : trees.bounds[number + 1]] = rule.rates[number] * total
        raw += (rule.rates[number] * total)[slots]
        all_steps.append(tuple(steps))
        all_hessians.append(tuple(hessians))
    return Replay(start, values, raw, tuple(all_steps), tuple(all_hessians))


def ridge_of(trees: Boosted, number: int, weights: np.ndarray, count: int | None = None) -> float | np.ndarray:
    """Return l2 as it enters a round's leaves: one number, or one for each entry."""
    l2 = trees.rule.l2
    l2 = l2[trees.bounds[number] : trees.bounds[number + 1]] if isinstance(l2, np.ndarray) else l2
    return l2 * weights.sum() / (count or len(weights)) if trees.rule.by_mean_weight else l2


def _newton(
    slots: np.ndarray, weights: np.ndarray, g: np.ndarray, h: np.ndarray, ridge: float | np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """One step of every leaf (entries,), and its hessians."""
    gradient = np.bincount(slots.ravel(), (weights[:, None] * g).ravel(), size)
    if h.ndim == 2:
        hessian = np.bincount(slots.ravel(), (weights[:, None] * h).ravel(), size) + ridge
        return -np.divide(gradient, hessian, out=np.zeros(size), where=hessian > 0), hessian
    outputs = g.shape[1]
    leaf, cells = slots[:, 0] // outputs, size // outputs
    hessian = np.stack(
        [
            np.stack([np.bincount(leaf, weights * h[:, k, m], cells) for m in range(outputs)], 1)
            for k in range(outputs)
        ],
        1,
    ) + ridge * np.eye(outputs)  # fmt: skip
    empty = np.bincount(leaf, weights, cells) <= 0
    hessian[empty] = np.eye(outputs)  # nobody is there: the value is 0 whatever divides it
    return -np.linalg.solve(hessian, gradient.reshape(cells, outputs, 1)).reshape(-1), hessian


def proved(trees: Boosted, found: Replay, values: np.ndarray, start: np.ndarray) -> float:
    """Return the largest difference of replayed from held values, in units of the largest held. Raises :class:`UsageError` beyond the tolerance."""
    scale = max(float(np.abs(values).max(initial=0)), 1e-300)
    worst = float(np.abs(found.values - values).max(initial=0)) / scale
    worst = max(worst, float(np.abs(found.start - start).max()) / max(scale, float(np.abs(start).max())))
    if not worst <= trees.tolerance:
        raise UsageError(
            trees.suspect
            or f"The leaf values of this {trees.library} model are not those that these rows, targets and weights give: they differ by {worst:.1e} "
            f"of the largest, not {trees.tolerance:.0e}; give the very table, targets and weights of its training, or train it again on these."
        )
    return worst
