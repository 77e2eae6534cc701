"""How far an attribution can be trusted: which examples are surely among a query's top k, which cannot be excluded, and a verdict."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate
from wherefrom.scores import Scores, check_fingerprint
from wherefrom.store import read_group, whole, write_group
from wherefrom.uncertainty.calibration import Calibration
from wherefrom.uncertainty.ranks import RankIntervals

if TYPE_CHECKING:
    import pandas as pd

End = Literal["proponents", "opponents"]
Word = Literal["trusted", "unstable", "undecided"]
KIND = "trust"
TABLES = ("centre", "error", "freedom", "shares", "same_sign")  # kept as they are
SAID = ("k", "level", "estimand", "runs")


@dataclass(frozen=True)
class Verdict:
    """One query's: ``trusted``, where at least half of its top k are sure; ``unstable``, where they are not and ten times the runs would not make
    them so; ``undecided``, where ten times the runs might. ``reason`` says it in figures."""

    word: Word
    reason: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Trust:
    """What runs say of the scores of each query and training example, both ends of its ranking, at one ``level``.

    ``centre`` (q, n) are the scores that the intervals are about, those of the given model (``scores``) or the mean of the runs, and ``error``
    (q, n) their standard errors with ``freedom`` (q,) degrees. Ranks are those of ``shares`` (q, n), scores over the length of a run's row of
    scores, for a factor on all of them ranks nothing. ``ranks`` hold for each end its intervals; ``inclusion`` the share of runs
    that have an example in their top ``k``, ``same_sign`` the share with the commoner sign. ``varied`` and ``fixed`` say what the
    runs differ in and what no interval here knows of. ``calibration`` is that of scores, ``rank_calibration`` that of shares.
    """

    scores: Scores
    centre: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    shares: np.ndarray
    ranks: dict[End, RankIntervals]
    inclusion: dict[End, np.ndarray]
    same_sign: np.ndarray
    verdicts: tuple[Verdict, ...]
    k: int
    level: float
    estimand: Literal["model", "training"]
    runs: int
    varied: tuple[str, ...]
    fixed: tuple[str, ...]
    calibration: Calibration | None = None
    rank_calibration: Calibration | None = None
    notes: tuple[str, ...] = ()

    def core(self, k: int | None = None, end: End = "proponents") -> tuple[np.ndarray, ...]:
        """The ids surely in the top k of each query, best first; k at most that of the trust. With confidence ``level`` all of them are, and all
        members of the top k are in :meth:`possible`, for every such k at once."""
        return self._ids(self._ranks(end).core(k or self.k), end)

    def possible(self, k: int | None = None, end: End = "proponents") -> tuple[np.ndarray, ...]:
        """The ids that cannot be excluded from the top k of each query, best first."""
        return self._ids(self._ranks(end).possible(k or self.k), end)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of each score by itself (q, n), not at once for all."""
        from scipy.special import stdtrit

        reach = stdtrit(self.freedom, (1 + self.level) / 2)[:, None] * self.error
        return self.centre - reach, self.centre + reach

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each query and training example: score, its bounds, and for each end its rank, that rank's bounds and inclusion."""
        import pandas as pd

        q, n = self.centre.shape
        low, high = self.interval()
        frame = pd.DataFrame({"query_id": np.repeat(self.scores.query_ids, n), "train_id": np.tile(self.scores.train_ids, q)})
        frame = frame.assign(score=self.centre.ravel(), low=low.ravel(), high=high.ravel(), same_sign=self.same_sign.ravel())
        for end, ranks in self.ranks.items():
            columns = {"rank": self.rank(end), "rank_low": ranks.low, "rank_high": ranks.high, "inclusion": self.inclusion[end]}
            frame = frame.assign(**{f"{end[:-1]}_{name}": values.ravel() for name, values in columns.items()})
        return frame

    def rank(self, end: End = "proponents") -> np.ndarray:
        """The rank of each share (q, n), 1 the best at that end; ties in the order of the data."""
        order = self._order(end)
        found = np.empty_like(order)
        np.put_along_axis(found, order, np.arange(1, order.shape[1] + 1)[None], 1)
        return found

    def summary(self) -> str:
        """What was done, in a sentence or two."""
        of = "this very model" if self.estimand == "model" else "models trained like this one"
        lines = f"Of {of}: {self.runs} runs, varied: {', '.join(self.varied) or 'nothing'}; {self.level:.0%} intervals. "
        if self.calibration is not None:
            factor = float(np.median(self.calibration.factor))
            lines += f"Deviations of the bootstrap times {factor:.2g}, by {self.calibration.runs} full retrainings; {self.calibration.coverage}. "
        return lines + f"Not varied: {', '.join(self.fixed)}."

    def __str__(self) -> str:
        rows = [f"query {query}: {verdict}" for query, verdict in zip(self.scores.query_ids.tolist(), self.verdicts, strict=True)]
        return "\n".join([*rows, self.summary()])

    def save(self, path: str | Path) -> None:
        """Write to a zarr folder, the scores with it; ``path`` holds either the whole or what it held before."""
        arrays = {name: getattr(self, name) for name in TABLES}
        arrays |= {"scores": self.scores.values.numpy(), "query_ids": self.scores.query_ids, "train_ids": self.scores.train_ids}
        for end, ranks in self.ranks.items():
            arrays |= {f"{end}_low": ranks.low, f"{end}_high": ranks.high, f"{end}_inclusion": self.inclusion[end]}
        manifest: dict[str, Any] = {name: getattr(self, name) for name in SAID}
        manifest |= {name: list(getattr(self, name)) for name in ("varied", "fixed", "notes")}
        manifest |= {"unit": self.scores.unit, "method": self.scores.method, "fingerprint": self.scores.fingerprint}
        manifest |= {"score_notes": list(self.scores.notes), "verdicts": [asdict(verdict) for verdict in self.verdicts]}
        for name in ("calibration", "rank_calibration"):
            found: Calibration | None = getattr(self, name)
            if found is not None:
                arrays |= {f"{name}_factor": found.factor, f"{name}_freedom": found.freedom}
                figures = {"coverage": found.coverage.to_dict(), "uncalibrated": found.uncalibrated.to_dict(), "runs": found.runs}
                manifest[name] = figures
        write_group(path, KIND, arrays, manifest)

    @classmethod
    def open(cls, path: str | Path, *, fingerprint: str | None = None) -> "Trust":
        """Read what :meth:`save` wrote; with ``fingerprint`` (``problem.fingerprint()``), refuse that of another problem.

        Raises :class:`UsageError` where there is no trust at ``path``, or it is damaged.
        """
        arrays, manifest = read_group(path, KIND)
        with whole(path):
            found = _opened(arrays, manifest)
        check_fingerprint(path, found.scores.fingerprint, fingerprint)
        return found

    def _order(self, end: End) -> np.ndarray:
        return (-self.shares if end == "proponents" else self.shares).argsort(1, kind="stable")

    def _ids(self, chosen: np.ndarray, end: End) -> tuple[np.ndarray, ...]:
        return tuple(self.scores.train_ids[order[row[order]]] for row, order in zip(chosen, self._order(end), strict=True))

    def _ranks(self, end: End) -> RankIntervals:
        if end not in self.ranks:
            raise UsageError(f"end={end!r} is unknown; choose 'proponents' or 'opponents'.")
        return self.ranks[end]


def _opened(arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Any]) -> Trust:
    """From what is stored."""
    of = manifest["unit"], manifest["method"], manifest["fingerprint"], tuple(manifest["score_notes"])
    scores = Scores(torch.from_numpy(arrays["scores"]), arrays["query_ids"], arrays["train_ids"], *of)
    ends: tuple[End, ...] = ("proponents", "opponents")
    said: dict[str, Any] = {name: manifest[name] for name in SAID} | {name: tuple(manifest[name]) for name in ("varied", "fixed", "notes")}
    return Trust(
        scores=scores,
        **{name: arrays[name] for name in TABLES},
        ranks={end: RankIntervals(arrays[f"{end}_low"], arrays[f"{end}_high"], manifest["k"], manifest["level"]) for end in ends},
        inclusion={end: arrays[f"{end}_inclusion"] for end in ends},
        verdicts=tuple(Verdict(**verdict) for verdict in manifest["verdicts"]),
        calibration=_calibration("calibration", arrays, manifest),
        rank_calibration=_calibration("rank_calibration", arrays, manifest),
        **said,
    )


def _calibration(name: str, arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Any]) -> Calibration | None:
    if name not in manifest:
        return None
    found = manifest[name]
    figures = Estimate(**found["coverage"]), Estimate(**found["uncalibrated"])
    return Calibration(arrays[f"{name}_factor"], arrays[f"{name}_freedom"], *figures, found["runs"])
