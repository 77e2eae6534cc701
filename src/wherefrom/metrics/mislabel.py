"""Whether a ranking finds mislabelled examples (Pruthi et al. 2020; Koh & Liang 2017), beside what loss, margin and chance find."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined
from wherefrom.metrics.aligned import finite
from wherefrom.metrics.bootstrap import LEVEL, RESAMPLES, multiplicities, percentiles
from wherefrom.metrics.detection import Detection, average_precision_chance
from wherefrom.progress import track
from wherefrom.types import Numbers

FEW = 10  # flipped (or right) labels below which an interval says little


@dataclass(frozen=True)
class MislabelDetection:
    """What one ranking finds: ``recall`` is the share of flipped labels in the first ``fraction`` of the data.

    ``beside`` holds the same of each other ranking, and ``lead`` by how much the AUC exceeds theirs, resampled together.
    """

    auc: Estimate
    average_precision: Estimate
    recall: Estimate
    beside: Mapping[str, "MislabelDetection"] = field(default_factory=dict)
    lead: Mapping[str, Estimate] = field(default_factory=dict)

    def estimates(self) -> tuple[Estimate, ...]:
        """The three of the ranking itself."""
        return (self.auc, self.average_precision, self.recall)

    def __str__(self) -> str:
        lines = [str(estimate) for estimate in self.estimates()]
        for name, other in self.beside.items():
            lines += [f"{name}: {estimate}" for estimate in other.estimates()] + [str(self.lead[name])]
        return "\n".join(lines)


def mislabel_detection(
    values: Numbers, flipped: Numbers, *, beside: Mapping[str, Numbers] | None = None, fraction: float = 0.1, seed: int = 0, progress: bool = True
) -> MislabelDetection:
    """ROC AUC, average precision and recall of flipped labels by ``values`` (n,), the highest being the most suspect, as self-influence is.

    ``flipped`` (n,) says which labels are wrong; ``beside`` names other values to rank by, such as {"loss": losses, "margin": -margins}:
    compare with them always, they cost nothing and are often better. Chance: ½, the mean average precision of a random order, and the
    fraction inspected. The AUC is also the area under the curve of recall against fraction inspected, scaled to [0, 1].

    Intervals (95 %) are percentiles over 1,000 resamplings of flipped and right labels, each apart. Undefined where no label is flipped,
    all are, or the values are constant.
    """
    marked = np.asarray(flipped)
    if marked.dtype != bool or marked.ndim != 1:
        raise UsageError(f"flipped has type {marked.dtype} and shape {marked.shape}; give one boolean for each training example.")
    if not 0 < fraction <= 1:
        raise UsageError(f"fraction={fraction} is not a share of the data; give one above 0, such as 0.1.")
    others = dict(beside or {})
    rankings = {name: _ranked(name, one, marked) for name, one in {"": values, **others}.items()}
    first = max(1, round(fraction * len(marked)))
    usable = {name: Detection(one, marked) for name, one in rankings.items() if np.ptp(one) > 0} if 0 < marked.sum() < len(marked) else {}
    drawn = _resampled(usable, marked, first, seed, progress)
    found = {name: _detection(name, usable.get(name), drawn.get(name), marked, first) for name in rankings}
    own = found.pop("")
    return replace(own, beside=found, lead={name: _lead(name, own.auc, other.auc, drawn) for name, other in found.items()})


def _ranked(name: str, values: Numbers, marked: np.ndarray) -> np.ndarray:
    what = f"the values of {name!r}" if name else "the values"
    table = finite(values, what)
    if table.shape != (1, len(marked)):
        raise UsageError(f"{what.capitalize()} have shape {table.shape[1:]} for {len(marked)} labels; give one for each training example.")
    return table[0]


def _figures(first: int) -> tuple[Callable[[Detection, np.ndarray], float], ...]:
    return (Detection.auc, Detection.average_precision, lambda ranking, times: ranking.recall(times, first))


def _resampled(usable: Mapping[str, Detection], marked: np.ndarray, first: int, seed: int, progress: bool) -> dict[str, np.ndarray]:
    """Each ranking's figures (RESAMPLES, 3), the same resamples for all of them."""
    random, found = np.random.default_rng(seed), {name: np.empty((RESAMPLES, 3)) for name in usable}
    times = np.zeros(len(marked), dtype=np.int64)
    for row in track(range(RESAMPLES if usable else 0), "resampling", RESAMPLES, progress):
        for side in (marked, ~marked):
            times[side] = multiplicities(random, int(side.sum()))
        for name, ranking in usable.items():
            found[name][row] = [figure(ranking, times) for figure in _figures(first)]
    return found


def _detection(name: str, ranking: Detection | None, drawn: np.ndarray | None, marked: np.ndarray, first: int) -> MislabelDetection:
    n, m = len(marked), int(marked.sum())
    auc, precision, recall = (" ".join(filter(None, (name, what))) for what in ("AUC", "average precision", f"recall in the first {first}"))
    if ranking is None or drawn is None:
        why = "no label is flipped" if not m else "every label is flipped" if m == n else "every value is the same, so nothing is ranked"
        return MislabelDetection(undefined(auc, why, m), undefined(precision, why, m), undefined(recall, why, m))
    few, every = f"{min(m, n - m)} labels of one kind give a rough interval" if min(m, n - m) < FEW else "", np.ones(n, dtype=np.int64)
    tied = f"rank {first} is tied with the next and decided by position" if ranking.tied_at(first) else ""

    def figure(title: str, column: int, chance: float, note: str = "") -> Estimate:
        value, reason = _figures(first)[column](ranking, every), "; ".join(filter(None, (few, note)))
        return Estimate(title, value, *percentiles(drawn[:, column]), LEVEL, m, chance, status="underpowered" if few else "ok", reason=reason)

    return MislabelDetection(figure(auc, 0, 0.5), figure(precision, 1, average_precision_chance(m, n)), figure(recall, 2, first / n, tied))


def _lead(name: str, own: Estimate, other: Estimate, drawn: Mapping[str, np.ndarray]) -> Estimate:
    title = f"AUC above {name}"
    if own.value is None or other.value is None:
        return undefined(title, own.reason if own.value is None else other.reason, own.n)
    low, high = percentiles(drawn[""][:, 0] - drawn[name][:, 0])
    return Estimate(title, own.value - other.value, low, high, LEVEL, own.n, 0.0, None, own.status, "" if own.status == "ok" else own.reason)
