"""Several attributions brought onto the same queries and the same training examples, by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.scores import Scores, positions_of
from wherefrom.types import Numbers


@dataclass(frozen=True, eq=False)
class Aligned:
    """The values of R attributions (R, q, n), of the q queries and n training examples that all of them have."""

    values: np.ndarray
    query_ids: np.ndarray
    train_ids: np.ndarray


ScoresLike: TypeAlias = Scores | Numbers  # numbers (n,) or (q, n)
Runs: TypeAlias = Sequence[ScoresLike] | np.ndarray  # an array (R, q, n)


def aligned(scores: Sequence[ScoresLike]) -> Aligned:
    """Scores by their ids, those of the first in its order; or arrays (n,) or (q, n) of one shape, as they stand."""
    kinds = {isinstance(one, Scores) for one in scores}
    if len(kinds) != 1:
        raise UsageError(
            "Scores were mixed with arrays; give all as Scores, or all as arrays." if kinds else "There are no scores; give at least one."
        )
    if not kinds.pop():
        tables = [finite(one, "the scores") for one in scores if not isinstance(one, Scores)]
        shapes = {table.shape for table in tables}
        if len(shapes) != 1:
            raise UsageError(f"The scores have shapes {' and '.join(map(str, sorted(shapes)))}; give all of them the same queries and examples.")
        values = np.stack(tables)
        return Aligned(values, np.arange(values.shape[1]), np.arange(values.shape[2]))
    tables = [one for one in scores if isinstance(one, Scores)]
    queries, train = (_common([getattr(one, field) for one in tables], what) for field, what in (("query_ids", "query"), ("train_ids", "training")))
    return Aligned(np.stack([_part(one, queries, train) for one in tables]), queries, train)


def finite(values: Numbers, what: str) -> np.ndarray:
    """Values as a float64 table (q, n), a single row where they have one dimension; NaN and infinity are refused."""
    table = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)
    if table.ndim not in (1, 2) or not table.size:
        raise UsageError(f"{what.capitalize()} have shape {table.shape}; give (n,) or (queries, n).")
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        raise UsageError(f"{what.capitalize()} are not finite at position {tuple(bad[0].tolist())}; compute them again, NaN has no rank.")
    return np.atleast_2d(table)


def _common(ids: Sequence[np.ndarray], what: str) -> np.ndarray:
    shared = set(ids[0].tolist()).intersection(*(other.tolist() for other in ids[1:]))
    if not shared:
        raise UsageError(f"The scores share no {what} id; compare scores of the same examples.")
    return ids[0][[key in shared for key in ids[0].tolist()]]


def _part(scores: Scores, queries: np.ndarray, train: np.ndarray) -> np.ndarray:
    rows, columns = positions_of(queries, scores.query_ids, "scored query"), positions_of(train, scores.train_ids, "training")
    return finite(scores.values[rows][:, columns], "the scores")
