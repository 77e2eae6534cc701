"""Data Shapley by truncated Monte Carlo (Ghorbani & Zou 2019), and leave-one-out values: what each example is worth to a utility of subsets."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.progress import track
from wherefrom.store import UnfinishedFit
from wherefrom.types import Ids

if TYPE_CHECKING:
    import pandas as pd

Utility = Callable[[np.ndarray], float]
ROUND = 20  # draws between two looks at the standard errors
NEAR = 5  # utilities in a row that may come near that of all before an order is cut short


@dataclass(frozen=True, eq=False)
class DataValues:
    """What each example is worth, in units of the utility: ``values`` and ``standard_errors`` (n,), positive = it helps.

    ``full`` and ``empty`` are the utilities of all and of none; ``permutations`` and ``evaluations`` of the utility were spent;
    ``converged`` says whether the standard errors came below the tolerance.
    """

    values: Tensor
    standard_errors: Tensor
    ids: np.ndarray
    full: float
    empty: float
    permutations: int
    evaluations: int
    converged: bool

    def to_pandas(self) -> "pd.DataFrame":
        """One row per example in the order of the data: ``id``, ``value``, ``standard_error``."""
        import pandas as pd

        return pd.DataFrame({"id": self.ids, "value": self.values.numpy(), "standard_error": self.standard_errors.numpy()})


def tmc_shapley(
    utility: Utility,
    ids: Ids | int,
    *,
    tolerance: float = 0.1,
    relative: bool = True,
    max_permutations: int = 1000,
    truncation: float = 0.01,
    antithetic: bool = False,
    jobs: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: bool = True,
) -> DataValues:
    """φᵢ = (1/n) Σ_{S ⊆ D∖i} [V(S ∪ i) - V(S)] / C(n-1, |S|): the mean gain in utility as i joins those before it in a random order.

    ``utility`` maps an array of ids, in the order of the data, to a finite number, higher = better; V(∅), of the empty array, is whatever it
    says: chance for accuracy, not 0. ``ids`` name the examples, or say how many. An order is cut short, later gains 0, once more than five
    utilities in a row come nearer to V(D) than ``truncation`` |V(D) - V(∅)|; with ``truncation=0`` never, and then Σφ = V(D) - V(∅) exactly.
    ``antithetic=True`` takes each order forwards and backwards as one draw, which helps where gains fall steadily with the size of S.

    Stops once the largest standard error is at most ``tolerance`` (``relative``: times the standard deviation of the values), looked at after
    every 20 draws, or at ``max_permutations``. Orders are drawn from (``seed``, their number), so ``jobs`` processes (joblib) change nothing.
    ``out`` is a file that keeps how far it came, written for at most a twentieth of the time and at the end, Ctrl-C included; a run with the
    same ids, utility of all and of none, seed, truncation and antithetic goes on from there, after a kill or to spend more permutations.
    Raises :class:`UsageError` where the utility is not finite.
    """
    names = _named(ids)
    draws = max_permutations // 2 if antithetic else max_permutations
    if not (tolerance >= 0 and truncation >= 0 and draws >= 2):
        raise UsageError("Give a tolerance and a truncation of 0 or more, and at least 2 max_permutations (4 if antithetic), for standard errors.")
    game = _Game(utility, names, _value(utility, names[:0]), _value(utility, names), truncation, antithetic, seed)
    sums = _summed(game, draws, jobs, out, lambda sums: sums.settled(tolerance, relative), progress)
    values, errors = torch.from_numpy(sums.mean), torch.from_numpy(sums.errors())
    permutations = sums.count * (2 if antithetic else 1)
    return DataValues(values, errors, names, game.full, game.empty, permutations, sums.spent + 2, sums.settled(tolerance, relative))


def loo_values(utility: Utility, ids: Ids | int, *, jobs: int | None = None, progress: bool = True) -> DataValues:
    """V(D) - V(D∖i) for each example: its gain as the last to join. Takes n + 1 utilities, and V(∅) for the record.

    ``utility``, ``ids`` and ``jobs`` as for :func:`tmc_shapley`; the values are exact for the utility as it is, with standard errors of 0.
    """
    from joblib import Parallel, delayed

    names = _named(ids)
    empty, full = _value(utility, names[:0]), _value(utility, names)
    work = Parallel(n_jobs=jobs or 1, return_as="generator")(delayed(_value)(utility, np.delete(names, i)) for i in range(len(names)))
    left = torch.tensor(list(track(work, "leaving one out", len(names), progress)), dtype=torch.float64)
    return DataValues(full - left, torch.zeros_like(left), names, full, empty, 0, len(names) + 2, True)


@dataclass(frozen=True, eq=False)
class _Game:
    """A utility, its ends, and how orders are drawn and cut short."""

    utility: Utility
    names: np.ndarray
    empty: float
    full: float
    truncation: float
    antithetic: bool
    seed: int

    def draw(self, number: int) -> tuple[np.ndarray, int]:
        """What each example adds in one order, or in the mean of it and its reverse (n,), and how many utilities that took."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.names))
        gains, spent = self.gains(order)
        if not self.antithetic:
            return gains, spent
        other, more = self.gains(order[::-1])
        return (gains + other) / 2, spent + more

    def gains(self, order: np.ndarray) -> tuple[np.ndarray, int]:
        gains, present = np.zeros(len(order)), np.zeros(len(order), dtype=bool)
        before, near, reach = self.empty, 0, self.truncation * abs(self.full - self.empty)
        for spent, place in enumerate(order[:-1], 1):
            present[place] = True
            now = _value(self.utility, self.names[present])
            gains[place], before = now - before, now
            near = near + 1 if abs(self.full - now) < reach else 0  # strict: with truncation=0 no plateau cuts an order short
            if near > NEAR:
                return gains, spent
        gains[order[-1]] = self.full - before
        return gains, len(order) - 1

    def manifest(self) -> dict[str, Any]:
        """What sums of another run must share to be gone on with."""
        ids = hashlib.sha256("\n".join(map(str, self.names.tolist())).encode()).hexdigest()
        return {"ids": ids, "ends": [self.empty, self.full], "cut": [self.truncation, self.antithetic], "seed": self.seed}


class _Sums:
    """The mean gain of each example and the squares about it, one draw after another (Welford 1962)."""

    def __init__(self, n: int, kept: Mapping[str, Tensor]) -> None:
        self.mean = kept["mean"].numpy() if kept else np.zeros(n)
        self.squares = kept["squares"].numpy() if kept else np.zeros(n)
        self.count, self.spent = (int(number) for number in kept["counts"]) if kept else (0, 0)

    def add(self, gains: np.ndarray, spent: int) -> None:
        change, count = gains - self.mean, self.count + 1
        mean = self.mean + change / count
        squares = self.squares + change * (gains - mean)
        self.mean, self.squares, self.count, self.spent = mean, squares, count, self.spent + spent  # together: Ctrl-C may come at any call

    def errors(self) -> np.ndarray:
        return np.sqrt(self.squares / max(1, self.count - 1) / max(1, self.count))

    def settled(self, tolerance: float, relative: bool) -> bool:
        return self.count >= 2 and bool(self.errors().max() <= tolerance * (self.mean.std() if relative else 1))

    def tensors(self) -> dict[str, Tensor]:
        counts = torch.tensor([self.count, self.spent])
        return {"mean": torch.from_numpy(self.mean), "squares": torch.from_numpy(self.squares), "counts": counts}


def _summed(game: _Game, last: int, jobs: int | None, out: str | Path | None, enough: Callable[[_Sums], bool], progress: bool) -> _Sums:
    """Draws until there are enough, and not more than ``last``, after those that ``out`` keeps."""
    resume = None if out is None else UnfinishedFit(out, game.manifest(), every=0.0)
    earlier = None if resume is None else resume.read()
    sums = _Sums(len(game.names), {} if earlier is None else earlier[2])
    try:
        for gains, spent in track(_rounds(game, sums, last, jobs, enough), "orders of the data", max(0, last - sums.count), progress):
            sums.add(gains, spent)
            if resume is not None:
                resume.note("orders", sums.count, sums.tensors)
    finally:
        if out is not None:  # by one that has not just written
            UnfinishedFit(out, game.manifest(), every=0.0).note("orders", sums.count, sums.tensors)
    return sums


def _rounds(game: _Game, sums: _Sums, last: int, jobs: int | None, enough: Callable[[_Sums], bool]) -> Iterator[tuple[np.ndarray, int]]:
    """Draws in order, looked at after the 20th, 40th, ... whatever run began them; a round is done before the look, so nothing runs on."""
    from joblib import Parallel, delayed

    with Parallel(n_jobs=jobs or 1, return_as="generator") as pool:
        while sums.count < last and not (sums.count and sums.count % ROUND == 0 and enough(sums)):
            end = min(last, (sums.count // ROUND + 1) * ROUND)
            work: Any = pool(delayed(game.draw)(number) for number in range(sums.count, end))
            yield from work


def _value(utility: Utility, ids: np.ndarray) -> float:
    value = float(utility(ids))
    if not math.isfinite(value):
        raise UsageError(f"The utility of {len(ids)} ids is {value}; return a finite number for every subset, the empty one too.")
    return value


def _named(ids: Ids | int) -> np.ndarray:
    names = np.arange(ids) if isinstance(ids, int) else np.asarray(ids)
    if names.ndim != 1 or not len(names) or len(np.unique(names)) < len(names):
        raise UsageError("There must be at least one id, and each id once; give an array of ids or how many there are.")
    return names
