"""Datamodels (Ilyas et al. 2022): a sparse linear model of a query's measurement in which training examples were there."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined
from wherefrom.progress import track
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores, positions_of
from wherefrom.types import Ids

if TYPE_CHECKING:
    from sklearn.linear_model import Lasso, LassoCV, LinearRegression

FOLDS = 5
FEWEST = 20  # subsets: four in a fold
RESAMPLES, LEVEL = 1000, 0.95


@dataclass(frozen=True, eq=False)
class Datamodels:
    """One linear model per query: ``scores`` (queries, train) are its slopes, ``intercepts`` (q,) what it says of the empty set.

    ``fits`` are the R² of each query on subsets that had no part in fitting or in the choice of ``alphas`` (q,): 0 says no more than the
    mean, 1 that examples simply add up.
    """

    scores: Scores
    fits: tuple[Estimate, ...]
    intercepts: Tensor
    alphas: Tensor


@dataclass(frozen=True, eq=False)
class _Model:
    """A query's slopes, intercept and alpha, its predictions of the subsets held out, and whether a fit fell short."""

    slopes: np.ndarray
    intercept: float
    alpha: float
    held: np.ndarray
    short: bool


def datamodels(
    outcomes: Outcomes, ids: Ids, *, alpha: float | None = None, jobs: int | None = None, seed: int = 0, progress: bool = True
) -> Datamodels:
    """argmin_β (1/2m) Σ_S (improvement_q(S) - β₀ - Σ_{i∈S} βᵢ)² + alpha ‖β‖₁ for each query q over the m subsets of ``outcomes``.

    ``outcomes`` of :func:`wherefrom.retraining.subset_outcomes` (their groups are the ids left out), averaged over seeds; the improvement is the
    measurement, turned round where lower is better, so βᵢ is by how much i in the training set improves the query, in the unit of the outcomes,
    and positive = proponent. ``ids`` are those of the training set in the order of the columns (``problem.ids``). ``alpha`` (in that unit) is
    one penalty for all queries; 0 is least squares; None chooses each query's by 5-fold cross-validation (``LassoCV``).

    Every fit, the choice of alpha included, is made again without each fifth of the subsets and measured on it: ``fits``, with bootstrap intervals
    over subsets. A query whose outcomes are all the same scores 0 and says so. Raises :class:`UsageError` for fewer than 20 subsets and
    for outcomes that are not finite.
    """
    from joblib import Parallel, delayed

    known = np.asarray(ids)
    inside, improvement = _inclusion(outcomes, known), -outcomes.sign * outcomes.values.double().mean(0).numpy()
    m = len(inside)
    if m < FEWEST:
        raise UsageError(f"Datamodels need at least {FEWEST} subsets, and these outcomes have {m}; retrain on more.")
    if not np.isfinite(improvement).all():
        raise UsageError("Some outcomes are not finite; drop those subsets, or train so that it does not diverge.")
    if alpha is not None and not 0 <= alpha < float("inf"):
        raise UsageError(f"alpha={alpha} is no penalty; give 0 or more, or None to choose it.")
    folds = np.random.default_rng(seed).permutation(m) % FOLDS
    work: Any = Parallel(n_jobs=jobs or 1, return_as="generator")(delayed(_fitted)(inside, row, alpha, folds, seed) for row in improvement)
    models: list[_Model] = list(track(work, "fitting datamodels", len(improvement), progress))
    rows = list(zip(outcomes.query_ids.tolist(), models, improvement, strict=True))
    constant = int((inside == inside[0]).all(0).sum())
    notes = [f"{constant} of {len(known)} examples were in all subsets or in none: their score is 0."] if constant else []
    notes += [f"The fit of query {key} did not converge; give a larger alpha." for key, model, _ in rows if model.short]
    slopes = torch.from_numpy(np.stack([model.slopes for model in models]))
    scores = Scores(slopes, outcomes.query_ids, known, outcomes.unit, f"datamodels(alpha={alpha}, subsets={m})", notes=tuple(notes))
    intercepts, alphas = torch.tensor([[model.intercept, model.alpha] for model in models], dtype=torch.float64).T.contiguous()
    return Datamodels(scores, tuple(_fit(key, y, model.held, seed) for key, model, y in rows), intercepts, alphas)


def _inclusion(outcomes: Outcomes, ids: np.ndarray) -> np.ndarray:
    """1 where an example was in a subset, 0 where it was left out (m, n)."""
    inside = np.ones((len(outcomes.groups), len(ids)))
    for row, left in enumerate(outcomes.groups.values()):
        inside[row, positions_of(np.asarray(left), ids, "training")] = 0
    return inside


def _fitted(x: np.ndarray, y: np.ndarray, alpha: float | None, folds: np.ndarray, seed: int) -> _Model:
    """Fitted to all subsets, and to all but each fold."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV

    if np.ptp(y) == 0:
        return _Model(np.zeros(x.shape[1]), float(y[0]), 0.0, y, False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        held = np.zeros_like(y)
        for fold in range(FOLDS):
            out = folds == fold
            held[out] = _model(x[~out], y[~out], alpha, seed).predict(x[out])
        model = _model(x, y, alpha, seed)
    short = any(issubclass(warning.category, ConvergenceWarning) for warning in told)
    chosen: Any = model.alpha_ if isinstance(model, LassoCV) else alpha
    return _Model(np.asarray(model.coef_, dtype=np.float64), float(np.asarray(model.intercept_)), float(chosen), held, short)


def _model(x: np.ndarray, y: np.ndarray, alpha: float | None, seed: int) -> "Lasso | LassoCV | LinearRegression":
    from sklearn.linear_model import Lasso, LassoCV, LinearRegression
    from sklearn.model_selection import KFold

    if alpha is None:
        return LassoCV(cv=KFold(FOLDS, shuffle=True, random_state=seed), max_iter=10_000).fit(x, y)
    return (LinearRegression() if alpha == 0 else Lasso(alpha, max_iter=10_000)).fit(x, y)


def _fit(key: object, y: np.ndarray, held: np.ndarray, seed: int) -> Estimate:
    """R² of the predictions held out; resampled over subsets."""
    name = f"held-out R² of query {key}"
    if np.ptp(y) == 0:
        return undefined(name, "every subset gave the same outcome", len(y))
    picks = np.random.default_rng(seed).integers(0, len(y), (RESAMPLES, len(y)))
    missed, spread = np.square(y - held), y[picks]
    spread = np.square(spread - spread.mean(1, keepdims=True)).sum(1)
    drawn = 1 - missed[picks].sum(1)[spread > 0] / spread[spread > 0]
    low, high = (float(edge) for edge in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return Estimate(name, float(1 - missed.sum() / np.square(y - y.mean()).sum()), low, high, LEVEL, len(y), chance=0.0)
