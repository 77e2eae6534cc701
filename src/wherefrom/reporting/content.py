"""What a report says, as plain data: no model, no tensors in need of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from wherefrom.estimate import Estimate
from wherefrom.retraining import Outcomes
from wherefrom.scores import By, TopScores, positions_of
from wherefrom.types import Id
from wherefrom.uncertainty import Trust


@dataclass(frozen=True, eq=False)
class ExampleRow:
    """One training example beside a query: its score, and the change that retraining without it showed.

    ``near`` names the columns in which it is like the query, ``far`` those in which it is unlike; ``ranks`` is the interval of its rank, in words.
    """

    label: str
    title: str = ""
    score: float | None = None
    retrained: float | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    image: np.ndarray | None = None
    near: frozenset[str] = frozenset()
    far: frozenset[str] = frozenset()
    ranks: str = ""
    text: str = ""  # of a text; as markup where its tokens are coloured


@dataclass(frozen=True, eq=False)
class QueryCard:
    """One query: what the model said, what is true, and the training examples that spoke for it and against it."""

    label: str
    proponents: tuple[ExampleRow, ...]
    opponents: tuple[ExampleRow, ...]
    prediction: str = ""
    truth: str = ""
    right: bool | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    image: np.ndarray | None = None
    text: str = ""


@dataclass(frozen=True, eq=False)
class Proof:
    """Predicted and retrained changes (q, m), the figures that compare them, and how long the retraining took."""

    predicted: np.ndarray
    actual: np.ndarray
    query_ids: np.ndarray
    train_ids: np.ndarray
    figures: tuple[Estimate, ...]
    unit: str
    seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Content:
    """A whole report."""

    title: str
    lead: str
    queries: tuple[QueryCard, ...]
    unit: str
    proof: Proof | None = None
    no_proof: str = ""  # why there is none
    self_influential: tuple[ExampleRow, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    trust: Trust | None = None
    no_trust: str = ""  # why there is none; where there is no reason either, nothing is said

    @property
    def ranked(self) -> bool:
        """Whether scores may be ranked, but not compared by value."""
        return self.unit == "arbitrary"

    @property
    def said(self) -> str:
        """What a score is called beside a retrained change."""
        return "score" if self.ranked else "predicted"


def plain_cards(top: TopScores, truth: Outcomes | None, trust: Trust | None = None) -> tuple[QueryCard, ...]:
    """Cards that know ids and scores alone."""
    good, bad = (top.opponents, top) if top.by == "opponents" else (top, top.opponents)
    cards = []
    for row, query in enumerate(top.query_ids.tolist()):
        ends = [
            () if end is None else tuple(_plain_row(end, row, rank, query, truth, trust) for rank in range(end.ids.shape[1])) for end in (good, bad)
        ]
        cards.append(QueryCard(str(query), ends[0], ends[1]))
    return tuple(cards)


def _plain_row(end: TopScores, row: int, rank: int, query: Id, truth: Outcomes | None, trust: Trust | None) -> ExampleRow:
    key, retrained = end.ids[row, rank].item(), None
    if truth is not None and str(key) in truth.groups and query in truth.query_ids.tolist():
        place = truth.query_ids.tolist().index(query)
        retrained = float(truth.change[place, list(truth.groups).index(str(key))])
    ranks = "" if trust is None else ranks_of(trust, query, key, end.by)
    return ExampleRow(str(key), score=float(end.values[row, rank]), retrained=retrained, ranks=ranks)


def ranks_of(trust: Trust, query: Id, key: Id, by: By) -> str:
    """The interval of an example's rank at one end, "3 to 40"; nothing where the trust has no such query."""
    end, queries = "opponents" if by == "opponents" else "proponents", trust.scores.query_ids.tolist()
    if query not in queries or key not in trust.scores.train_ids:
        return ""
    row, place = queries.index(query), int(positions_of([key], trust.scores.train_ids, "training")[0])
    low, high = int(trust.ranks[end].low[row, place]), int(trust.ranks[end].high[row, place])
    return str(low) if low == high else f"{low} to {high}"
