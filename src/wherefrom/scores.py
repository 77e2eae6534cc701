"""The answer: a score for each query and training example, or the best few of them, with the ids they belong to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.store import read_group, whole, write_group
from wherefrom.types import Id, Ids, SupportsArray

if TYPE_CHECKING:
    import pandas as pd

By = Literal["proponents", "opponents", "magnitude"]
Groups = Mapping[str, Ids] | Sequence[object] | np.ndarray | Tensor | SupportsArray  # name -> ids, or one name per example


@dataclass(frozen=True, eq=False)
class TopScores:
    """The ``k`` training examples at one end of each query's ranking, best first.

    ``values`` (q, k) and ``ids`` (q, k) belong together; ``opponents`` is the other end of the ranking in the same form
    (``None`` after ranking by magnitude, which has no other end). ``fingerprint`` names the problem they were computed on,
    ``notes`` say what went less than well, such as a solver that did not reach its tolerance.
    """

    values: Tensor
    ids: np.ndarray
    query_ids: np.ndarray
    unit: str
    method: str
    by: By = "proponents"
    opponents: "TopScores | None" = None
    fingerprint: str = ""
    notes: tuple[str, ...] = ()

    def to_pandas(self) -> "pd.DataFrame":
        """One row per (query, rank): ``query_id``, ``train_id``, ``rank`` from 1, ``score``."""
        import pandas as pd

        q, k = self.values.shape
        return pd.DataFrame(
            {
                "query_id": np.repeat(self.query_ids, k),
                "train_id": self.ids.reshape(-1),
                "rank": np.tile(np.arange(1, k + 1), q),
                "score": self.values.reshape(-1).numpy(),
            }
        )

    def save(self, path: str | Path) -> None:
        """Write to a zarr folder; ``path`` holds either the whole or what it held before."""
        arrays = {"values": self.values.numpy(), "ids": self.ids, "query_ids": self.query_ids}
        if self.opponents is not None:
            arrays |= {"other_values": self.opponents.values.numpy(), "other_ids": self.opponents.ids}
        write_group(path, "top scores", arrays, {**_manifest(self), "by": self.by})

    @classmethod
    def open(cls, path: str | Path, *, fingerprint: str | None = None) -> "TopScores":
        """Read what :meth:`save` wrote; with ``fingerprint`` (``problem.fingerprint()``), refuse scores of another problem."""
        arrays, manifest = read_group(path, "top scores")
        with whole(path):
            found = cls._opened(arrays, manifest)
        check_fingerprint(path, found.fingerprint, fingerprint)
        return found

    @classmethod
    def _opened(cls, arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Any]) -> "TopScores":
        ends: tuple[By, By] = ("opponents", "proponents") if manifest["by"] == "opponents" else ("proponents", "opponents")
        shared = (arrays["query_ids"], manifest["unit"], manifest["method"])
        other = None
        if "other_values" in arrays:
            other = cls(torch.from_numpy(arrays["other_values"]), arrays["other_ids"], *shared, ends[1], None, *_told(manifest))
        return cls(torch.from_numpy(arrays["values"]), arrays["ids"], *shared, manifest["by"], other, *_told(manifest))


@dataclass(frozen=True, eq=False)
class Scores:
    """The whole table: ``values`` (queries, train), positive = proponent, rows and columns named by ids.

    ``notes`` say what went less than well, such as a solver that did not reach its tolerance.
    """

    values: Tensor
    query_ids: np.ndarray
    train_ids: np.ndarray
    unit: str
    method: str
    fingerprint: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        expected = (len(self.query_ids), len(self.train_ids))
        if tuple(self.values.shape) != expected:
            raise UsageError(f"The scores have shape {tuple(self.values.shape)} but the ids say {expected}; give one id per row and column.")

    def top(self, k: int, by: By = "proponents") -> TopScores:
        """The ``k`` best of each row and, as ``.opponents``, the other end; equal scores keep the order of the data."""
        if k < 1:
            raise UsageError(f"top={k} asks for no examples; give a number of 1 or more.")
        one_end = _best(self.values, k, by)
        other_by = other_end(by)
        other = None
        if other_by is not None:
            other = self._named(_best(self.values, k, other_by), other_by, None)
        return self._named(one_end, by, other)

    def _named(self, best: tuple[Tensor, Tensor], by: By, other: TopScores | None) -> TopScores:
        values, positions = best
        ids = self.train_ids[positions.numpy()]
        return TopScores(values, ids, self.query_ids, self.unit, self.method, by, other, self.fingerprint, self.notes)

    def select(self, ids: Ids) -> Tensor:
        """The columns (q, m) of the given training ids, in their order."""
        return self.values[:, torch.from_numpy(positions_of(ids, self.train_ids, "training"))]

    def grouped(self, groups: Groups) -> "Scores":
        """Sums over groups: a mapping of a name to its ids, or one name per training example."""
        named = group_ids(groups, self.train_ids)
        columns = [self.select(ids).sum(1) for ids in named.values()]
        return Scores(torch.stack(columns, 1), self.query_ids, np.array(list(named)), self.unit, self.method, self.fingerprint, self.notes)

    def to_pandas(self) -> "pd.DataFrame":
        """A frame with queries as rows and training examples as columns."""
        import pandas as pd

        return pd.DataFrame(self.values.numpy(), index=pd.Index(self.query_ids, name="query_id"), columns=self.train_ids)

    def save(self, path: str | Path) -> None:
        """Write to a zarr folder; ``path`` holds either the whole or what it held before."""
        arrays = {"values": self.values.numpy(), "query_ids": self.query_ids, "train_ids": self.train_ids}
        write_group(path, "scores", arrays, _manifest(self))

    @classmethod
    def open(cls, path: str | Path, *, fingerprint: str | None = None) -> "Scores":
        """Read what :meth:`save` wrote; with ``fingerprint`` (``problem.fingerprint()``), refuse scores of another problem."""
        arrays, manifest = read_group(path, "scores")
        with whole(path):
            values = torch.from_numpy(arrays["values"])
            found = cls(values, arrays["query_ids"], arrays["train_ids"], manifest["unit"], manifest["method"], *_told(manifest))
        check_fingerprint(path, found.fingerprint, fingerprint)
        return found


def other_end(by: By) -> By | None:
    """The opposite end of a ranking."""
    ends: dict[By, By | None] = {"proponents": "opponents", "opponents": "proponents", "magnitude": None}
    if by not in ends:
        raise UsageError(f"by={by!r} is unknown; choose 'proponents', 'opponents' or 'magnitude'.")
    return ends[by]


def rank_key(values: Tensor, by: By) -> Tensor:
    """What a ranking sorts by, largest first."""
    other_end(by)
    return values.abs() if by == "magnitude" else values if by == "proponents" else -values


def _best(values: Tensor, k: int, by: By) -> tuple[Tensor, Tensor]:
    order = rank_key(values, by).argsort(dim=1, descending=True, stable=True)[:, :k]
    return values.gather(1, order), order


def positions_of(ids: Ids, known: np.ndarray, what: str) -> np.ndarray:
    """Positions of ``ids`` among ``known``; an unknown id is refused by name."""
    place = {key: position for position, key in enumerate(known.tolist())}
    wanted = np.asarray(ids).tolist()
    missing = [key for key in wanted if key not in place]
    if missing:
        raise UsageError(f"Id {missing[0]!r} is not among the {len(known)} {what} ids; use ids such as {known.tolist()[:3]}.")
    return np.array([place[key] for key in wanted], dtype=np.int64)


def group_ids(groups: Groups, train_ids: np.ndarray) -> dict[str, list[Id]]:
    """Groups as name -> ids, from a mapping or from one name per training example; an empty group is refused."""
    if isinstance(groups, Mapping):
        named = {str(name): _listed(ids) for name, ids in groups.items()}
    else:
        groups = _listed(groups)
        if len(groups) != len(train_ids):
            raise UsageError(f"{len(groups)} group names for {len(train_ids)} training examples; give one name for each.")
        named = {}
        for name, key in zip(groups, train_ids.tolist(), strict=True):
            named.setdefault(str(name), []).append(key)
    empty = [name for name, ids in named.items() if not ids]
    if empty or not named:
        raise UsageError(f"Group {empty[0]!r} is empty; leave it out." if empty else "There are no groups; name at least one.")
    return named


def _listed(values: Any) -> list[Any]:
    """Lists, arrays, columns of a table and tensors as a list of plain values."""
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _manifest(scores: Scores | TopScores) -> dict[str, Any]:
    return {"unit": scores.unit, "method": scores.method, "fingerprint": scores.fingerprint, "notes": list(scores.notes)}


def _told(manifest: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return manifest["fingerprint"], tuple(manifest.get("notes", ()))


def check_fingerprint(path: str | Path, stored: str, fingerprint: str | None) -> None:
    """Refuse what is stored of another problem."""
    if fingerprint is not None and stored != fingerprint:
        raise UsageError(
            f"{path} was computed on another problem ({stored[:12]}, not {fingerprint[:12]}); "
            "the weights, data or objective differ: compute it again."
        )
