"""From a case and its result to the plain data that the report shows and the terminal prints."""

from collections.abc import Mapping

import numpy as np

from wherefrom.cli.case import ExplainedCase
from wherefrom.cli.explanation import ExplanationResult
from wherefrom.reporting import Content, ExampleRow, Proof, QueryCard
from wherefrom.reporting.content import ranks_of
from wherefrom.scores import TopScores
from wherefrom.types import Id

NEAR, FAR = 0.25, 1.0  # of a number column's spread
SELF_ROWS = 10


def content_of(case: ExplainedCase, result: ExplanationResult, settings: Mapping[str, str]) -> Content:
    """Everything that a person sees of a run."""
    changes = _changes(result)
    good, bad = result.top, result.top.opponents
    assert bad is not None  # ranked by proponents
    cards = []
    for row, query in enumerate(result.top.query_ids.tolist()):
        ends = [tuple(_example(case, result, end, row, rank, query, changes) for rank in range(end.ids.shape[1])) for end in (good, bad)]
        answer, view = case.answers[query], case.query_view
        cards.append(
            QueryCard(
                f"query {query}", ends[0], ends[1], answer.prediction, answer.truth or "", answer.right, _texts(view.row(query)), view.image(query)
            )
        )
    notes = (*case.notes, *result.notes)
    lead = f"{settings.get('model', 'The model')} on {len(case.problem):,} training examples. {_accuracy(case)}".strip()
    title = f"Where did these predictions come from? {case.name}"
    proved = _proof(result), result.no_proof, _self_influential(case, result)
    return Content(title, lead, tuple(cards), result.scores.unit, *proved, settings, notes, result.trust, result.no_trust)


def _accuracy(case: ExplainedCase) -> str:
    figures = [f"Held-out {name} {value:.3f} on {case.held_out['n']:.0f} examples." for name, value in case.held_out.items() if name != "n"]
    return " ".join(figures)


def _changes(result: ExplanationResult) -> dict[tuple[object, str], float]:
    """(query id, left-out id as text) -> retrained change."""
    if result.truth is None:
        return {}
    table, queries = result.truth.change.tolist(), result.truth.query_ids.tolist()
    return {(query, key): table[row][column] for row, query in enumerate(queries) for column, key in enumerate(result.truth.groups)}


def _example(
    case: ExplainedCase, result: ExplanationResult, end: TopScores, row: int, rank: int, query: Id, changes: Mapping[tuple[object, str], float]
) -> ExampleRow:
    key = end.ids[row, rank].item()
    ranks = "" if result.trust is None else ranks_of(result.trust, query, key, end.by)
    near, far = compare_rows(case.query_view.row(query), case.train_view.row(key), case.scales)
    view, changed = case.train_view, changes.get((query, str(key)))
    shown = _texts(view.row(key)), view.image(key)
    return ExampleRow(str(key), view.labels[key], float(end.values[row, rank]), changed, *shown, near, far, ranks)


def compare_rows(query: Mapping[str, object], other: Mapping[str, object], scales: Mapping[str, float]) -> tuple[frozenset[str], frozenset[str]]:
    """Columns in which two rows agree (numbers within a quarter of the column's spread) and differ (by a whole spread or more)."""
    near, far = set(), set()
    for column, value in query.items():
        there = other.get(column)
        if column in scales and _is_number(value) and _is_number(there):
            gap = abs(float(value) - float(there)) / (scales[column] or 1.0)  # type: ignore[arg-type]
            (near if gap <= NEAR else far if gap >= FAR else set()).add(column)
        else:
            (near if _text(value) == _text(there) else far).add(column)
    return frozenset(near), frozenset(far)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _texts(row: Mapping[str, object]) -> dict[str, str]:
    return {column: _text(value) for column, value in row.items()}


def _text(value: object) -> str:
    if value is None or value != value:  # a missing cell
        return "missing"
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def _proof(result: ExplanationResult) -> Proof | None:
    if result.truth is None or result.proof is None:
        return None
    truth = result.truth
    predicted = np.stack([result.scores.select(ids).sum(1).double().numpy() for ids in truth.groups.values()], 1)
    figures, seconds = result.proof.estimates(), result.seconds.get("proof")
    return Proof(predicted, truth.change.numpy(), truth.query_ids, np.array(list(truth.groups)), figures, truth.unit, seconds)


def _self_influential(case: ExplainedCase, result: ExplanationResult) -> tuple[ExampleRow, ...]:
    order = result.own.argsort(descending=True, stable=True)[:SELF_ROWS].tolist()
    ids, view = case.problem.ids.tolist(), case.train_view
    return tuple(
        ExampleRow(str(ids[p]), view.labels[ids[p]], float(result.own[p]), None, _texts(view.row(ids[p])), view.image(ids[p])) for p in order
    )
