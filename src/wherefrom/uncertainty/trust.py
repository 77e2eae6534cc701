"""Making runs until every query has its verdict: what varies, how often one looks, and what is concluded."""

import warnings
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from wherefrom.attribution import attribute
from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.methods import Method
from wherefrom.methods.last_layer import LastLayer
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining import Train
from wherefrom.scores import Scores
from wherefrom.solvers import SolverWarning
from wherefrom.uncertainty.calibration import Calibration, calibrated
from wherefrom.uncertainty.last_layer_bootstrap import HeadBootstrap
from wherefrom.uncertainty.noise import OTHER, SEEDS, SOURCES, Bootstrap, LastLayerBootstrap, MethodSeeds, Noise
from wherefrom.uncertainty.ranks import RankIntervals, critical, rank_bounds
from wherefrom.uncertainty.result import End, Trust, Verdict
from wherefrom.uncertainty.run_statistics import RunMoments, shares, shrunken

LOOKS = (4, 2, 1)  # parts of all runs after which one looks
FEWEST = 8  # runs before the first look
WIDE = 4  # candidates at each end, times k
MORE = 10  # times the runs that "more runs" means
SURE = 0.5  # of the top k, what a trusted query's core holds
ROUNDING = 32  # times the scores' resolution, below which two are equal
ENDS: tuple[tuple[End, float], ...] = (("proponents", 1.0), ("opponents", -1.0))
Estimand = Literal["training", "model"]


def trust(
    method: Method,
    problem: Problem,
    queries: Queries,
    *,
    train: Train | None = None,
    noise: Noise | None = None,
    k: int = 10,
    level: float = 0.95,
    estimand: Estimand = "training",
    budget: Literal["fast", "full"] = "fast",
    progress: bool = True,
) -> Trust:
    """How far the scores of these queries can be trusted: runs that differ in ``noise``, and what can be said of each query after them.

    ``estimand`` says of what: "training", models trained like this one, so that seeds and data are noise; "model", this very model, so that only
    the method's own randomness is. Without a ``noise`` the first takes, at ``budget="fast"``, a Bayesian bootstrap of the last layer and no
    training, and at ``"full"`` retrainings by ``train`` under bootstrap weights and other seeds, by which the deviations of that cheap
    bootstrap are scaled, with the coverage that results (:class:`wherefrom.uncertainty.Calibration`). The second takes other seeds of the method. A
    ``noise`` that is given settles what is meant.

    With confidence ``level``, for each query and end: :meth:`Trust.core` holds members of the top ``k`` alone, :meth:`Trust.possible` holds all of
    them, and each member's rank is in its interval. Of sources ``about="mean"`` that is the top of the mean scores; of those ``about="point"`` of the
    scores that the given model's stray from. Runs end when no query is undecided; the level is shared among the looks. Scores are those of
    :func:`wherefrom.attribute`, in float64. Raises :class:`UsageError` where nothing varies, for a k that leaves nothing out, or where retraining is
    asked for without ``train``.
    """
    if estimand not in ("training", "model") or budget not in ("fast", "full") or not 0.5 < level < 1:
        raise UsageError(f"estimand={estimand!r}, budget={budget!r}, level={level}: choose training or model, fast or full, 0.5 to 1.")
    if not 1 <= k < len(problem):
        raise UsageError(f"k={k} is not between 1 and {len(problem) - 1}; the top of {len(problem)} training examples must leave some out.")
    source, cheap = _sources(problem, noise, estimand, budget, train)
    asked = _Asked(method, problem, queries, train, k, level, source, _scores(method, problem, queries))
    shape = None
    if cheap is not None:
        draw, shape = cheap.prepare(method, problem, train), _Spread.of(asked.point, k)
        for number in track(range(cheap.runs), "bootstrapping the last layer", cheap.runs, progress):
            shape.add(asked.run(*draw(number)))
    return _looked(asked, cheap, shape, progress)


def _sources(problem: Problem, noise: Noise | None, estimand: str, budget: str, train: Train | None) -> tuple[Noise, Noise | None]:
    """What varies, and the cheap source whose deviations it scales."""
    if noise is not None:
        return noise, None
    if estimand == "model":
        return MethodSeeds(), None
    if budget == "fast":
        return LastLayerBootstrap(), None
    if train is None:
        raise UsageError('budget="full" trains again; give train=, a function (problem, seed) -> parameters, or take budget="fast".')
    try:
        HeadBootstrap.of(problem)
    except UsageError:  # there is no last layer to bootstrap
        return Bootstrap(), None
    return Bootstrap(), LastLayerBootstrap()


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question, and the runs that answer it."""

    method: Method
    problem: Problem
    queries: Queries
    train: Train | None
    k: int
    level: float
    source: Noise
    scores: Scores
    told: list[str] = field(default_factory=list)

    @property
    def point(self) -> np.ndarray:
        """The given model's scores (q, n)."""
        return self.scores.values.double().numpy()

    def run(self, method: Method, problem: Problem) -> np.ndarray:
        """One run's scores (q, n)."""
        found = _scores(method, problem, self.queries)
        self.told.extend(found.notes)
        return found.values.double().numpy()


@dataclass(frozen=True, eq=False)
class _Spread:
    """Moments of scores, and of their shares with the co-moments of candidates."""

    scores: RunMoments
    shares: RunMoments

    @classmethod
    def of(cls, point: np.ndarray, k: int) -> "_Spread":
        """For runs to come; candidates are those at both ends of the given model's ranking."""
        order, wide, n = (-point).argsort(1, kind="stable"), WIDE * k, point.shape[1]
        candidates = order if n <= 2 * wide else np.concatenate([order[:, :wide], order[:, -wide:]], 1)
        return cls(RunMoments(candidates[:, :0], n, k), RunMoments(candidates, n, k))

    def add(self, values: np.ndarray) -> None:
        self.scores.add(values)
        self.shares.add(shares(values))


def _scores(method: Method, problem: Problem, queries: Queries) -> Scores:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolverWarning)  # the trust's notes say it
        return attribute(method, problem, queries, progress=False)


def _looked(asked: _Asked, cheap: Noise | None, shape: _Spread | None, progress: bool) -> Trust:
    """Run after run until no query is undecided or all are made."""
    source, spread = asked.source, _Spread.of(asked.point, asked.k)
    looks = sorted({min(source.runs, max(FEWEST, source.runs // part)) for part in LOOKS})
    draw, kept = source.prepare(asked.method, asked.problem, asked.train), []
    share = 1 - (1 - asked.level) / len(looks)
    found: Trust | None = None
    for number in track(range(source.runs), "runs of the trust", source.runs, progress):
        values = asked.run(*draw(number))
        spread.add(values)
        if shape is not None:
            kept.append([np.take_along_axis(table, shape.shares.candidates, 1) for table in (values, shares(values))])
        if number + 1 in looks:
            pair = None if shape is None else _calibrated(asked, shape, kept)
            found = _concluded(asked, shape or spread, spread.scores.count, pair, share, cheap)
            if all(verdict.word != "undecided" for verdict in found.verdicts):
                break
    assert found is not None  # the last run is looked at
    return found


def _calibrated(asked: _Asked, shape: _Spread, kept: list[list[np.ndarray]]) -> tuple[Calibration, Calibration]:
    """Of scores, and of shares."""
    found = []
    for which, (point, moments) in enumerate(((asked.point, shape.scores), (shares(asked.point), shape.shares))):
        there, cheap = (np.take_along_axis(table, shape.shares.candidates, 1) for table in (point, moments.variance()))
        found.append(calibrated(there, cheap, np.stack([run[which] for run in kept]), moments.count - 1, asked.level))
    return found[0], found[1]


def _apart(centre: np.ndarray, moments: RunMoments, row: int, runs: int, calibration: Calibration | None) -> tuple[np.ndarray, float]:
    """The errors of differences of one query's centres from its candidates' (c, n), and their degrees of freedom: variances drawn to their trend,
    of the mean of ``runs``, or of one run, or of one of a cheap source times the calibration's factor."""
    drawn = shrunken(centre, moments.variance()[row], moments.count - 1)
    between = drawn.of(moments.between(row), drawn.prior[moments.candidates[row], None] + drawn.prior[None])
    if calibration is None:
        return np.sqrt(between / runs), drawn.freedom
    return calibration.factor[row] * np.sqrt(between), 1 / (1 / drawn.freedom + 1 / calibration.freedom[row])


def _alone(moments: RunMoments, runs: int, calibration: Calibration | None) -> tuple[np.ndarray, np.ndarray]:
    """The standard error of each centre (q, n) and its degrees of freedom (q,). Not drawn: where all scores of a run move together, others tell
    nothing of one, and t by its own runs is exact."""
    error, freedom = np.sqrt(moments.variance() / runs), np.full(len(moments.mean), moments.count - 1.0)
    if calibration is None:
        return error, freedom
    return calibration.factor[:, None] * error, 1 / (1 / freedom + 1 / calibration.freedom)


def _concluded(
    asked: _Asked, spread: _Spread, count: int, pair: tuple[Calibration, Calibration] | None, level: float, cheap: Noise | None
) -> Trust:  # fmt: skip
    """What the runs so far say."""
    source, of_scores, of_shares = asked.source, *(pair or (None, None))
    mean = source.about == "mean"
    centre, parts = (spread.scores.mean, spread.shares.mean) if mean else (asked.point, shares(asked.point))
    runs, (q, n) = count if mean else 1, centre.shape
    bounds = {end: np.empty((2, q, n), dtype=np.int64) for end, _ in ENDS}
    (error, freedom), verdicts = _alone(spread.scores, runs, of_scores), []
    for row in range(q):
        deviation, known = _apart(parts[row], spread.shares, row, runs, of_shares)
        rounding = ROUNDING * torch.finfo(asked.scores.values.dtype).eps * float(np.abs(parts[row]).max())
        candidates, beyond = spread.shares.candidates[row], critical(asked.k, n, level, known)
        for end, sign in ENDS:
            bounds[end][:, row] = rank_bounds(sign * parts[row], deviation, candidates, beyond, rounding)
        lessened = deviation / MORE**0.5 if mean else deviation
        limit = rank_bounds(parts[row], lessened, candidates, critical(asked.k, n, level, np.inf), rounding)[1]
        low, high = bounds["proponents"][:, row]
        verdicts.append(_verdict(low, high, limit, asked.k))
    varied, fixed = _words(asked, (source,) if cheap is None else (cheap, source))
    return Trust(
        asked.scores, centre, error, freedom, parts, {end: RankIntervals(bounds[end][0], bounds[end][1], asked.k, asked.level) for end, _ in ENDS},
        {end: spread.scores.inclusion(end) for end, _ in ENDS}, spread.scores.same_sign(), tuple(verdicts), asked.k, asked.level, source.estimand,
        count, varied, fixed, of_scores, of_shares, _notes(asked, count),
    )  # fmt: skip


def _words(asked: _Asked, sources: tuple[Noise, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What runs differ in and what they do not: a trainer may not use its seed, and a model may be one layer."""
    varied = dict.fromkeys(word for one in sources for word in one.varies)
    if not getattr(asked.train, "seeded", True):
        varied.pop(SEEDS, None)
    none = {OTHER} if _is_one_layer(asked.problem) else set()
    return tuple(word for word in varied if word not in none), tuple(word for word in SOURCES if word not in varied and word not in none)


def _is_one_layer(problem: Problem) -> bool:
    try:
        return LastLayer.of(problem).problem.size == problem.size
    except UsageError:
        return False


def _verdict(low: np.ndarray, high: np.ndarray, limit: np.ndarray, k: int) -> Verdict:
    """From the bounds of ranks, and the worst ranks that more runs could leave."""
    core, possible, within_reach = int((high <= k).sum()), int((low <= k).sum()), int((limit <= k).sum())
    said = f"{core} of the top {k} {'is' if core == 1 else 'are'} sure, {possible} examples cannot be excluded from it"
    if core >= SURE * k:
        return Verdict("trusted", said)
    if within_reach >= SURE * k:
        return Verdict("undecided", f"{said}; more runs may settle it")
    return Verdict("unstable", f"{said}; more runs would not change that")


def _notes(asked: _Asked, runs: int) -> tuple[str, ...]:
    told = dict.fromkeys(asked.told)
    heard = () if not told else (f"In {runs} runs the solver warned {len(asked.told)} times, first: {next(iter(told))}",)
    return (*asked.scores.notes, *heard)
