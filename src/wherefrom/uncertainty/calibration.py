"""What a cheap source of noise leaves out, from a few full retrainings: one factor on its deviations, and how far the result then covers."""

from dataclasses import dataclass

import numpy as np

from wherefrom.estimate import Estimate
from wherefrom.metrics.bootstrap import over_runs
from wherefrom.uncertainty.run_statistics import CAP


@dataclass(frozen=True, eq=False)
class Calibration:
    """``factor`` (q,) that the cheap deviations of each query are multiplied by, and the degrees of freedom that it is known with (q,).

    ``coverage``: the share of a further training's scores, of the examples at both ends, that lie within √2 t deviations of the given model's, with
    the factor of the other trainings; ``uncalibrated``: without a factor. Both should be the level.
    """

    factor: np.ndarray
    freedom: np.ndarray
    coverage: Estimate
    uncalibrated: Estimate
    runs: int


def calibrated(point: np.ndarray, cheap: np.ndarray, draws: np.ndarray, freedom: int, level: float) -> Calibration:
    """From the given scores (q, c) of candidates, their cheap variances (q, c) with their ``freedom``, and full retrainings (R, q, c)."""
    from scipy.special import stdtrit

    runs = len(draws)
    others = [np.delete(draws, run, 0) for run in range(runs)]
    left = np.stack([_log_ratio(cheap, kept) for kept in others])  # (R, q)
    spread = (runs - 1) / runs * np.square(left - left.mean(0)).sum(0)
    # log of a χ² with f degrees of freedom over f has a variance of about 2/f
    known = (2 / np.maximum(spread, 1e-12)).clip(runs - 1, CAP * (runs - 1))
    reach = np.abs(draws - point) / np.sqrt(2 * np.maximum(cheap, np.finfo(float).tiny))
    factors = np.exp(left / 2)[:, :, None]
    joint = 1 / (1 / freedom + 1 / np.maximum(known - 1, 1))[None, :, None]
    held = reach <= factors * stdtrit(joint, (1 + level) / 2)
    plain = reach <= float(stdtrit(freedom, (1 + level) / 2))
    return Calibration(
        np.exp(_log_ratio(cheap, draws) / 2),
        known,
        _share("coverage of a further training, calibrated", held, level),
        _share("coverage of a further training, uncalibrated", plain, level),
        runs,
    )


def _log_ratio(cheap: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The mean over candidates of log(full variance / cheap variance), less its bias under χ² noise (q,)."""
    from scipy.special import digamma

    freedom = len(draws) - 1
    full = draws.var(0, ddof=1)
    some = (full > 0) & (cheap > 0)
    log = np.log(np.where(some, full, 1.0)) - np.log(np.where(some, cheap, 1.0)) - digamma(freedom / 2) + np.log(freedom / 2)
    return (log * some).sum(1) / np.maximum(some.sum(1), 1)


def _share(name: str, held: np.ndarray, level: float) -> Estimate:
    runs = len(held)
    shares = held.reshape(runs, -1).mean(1)
    without = (shares.sum() - shares) / (runs - 1)
    return over_runs(name, float(shares.mean()), without, chance=None, bounds=(0.0, 1.0))
