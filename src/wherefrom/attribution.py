"""The one loop: prepare the queries once, stream the training data past them, keep what was asked for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.examples import Examples, Queries
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.memory import out_of_memory
from wherefrom.methods.base import FittedMethod, Method
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.scores import By, Groups, Scores, TopScores, group_ids, other_end, positions_of, rank_key
from wherefrom.solvers.warnings_capture import listening
from wherefrom.store import ArrayWriter
from wherefrom.types import Ids


@overload
def attribute(
    method: Method, problem: Problem, queries: Queries, *, top: None = None, by: By = ..., groups: Groups | None = None,
    ids: Ids | None = None, aggregate: bool = ..., out: str | Path | None = None, progress: bool = True,
) -> Scores: ...  # fmt: skip


@overload
def attribute(
    method: Method, problem: Problem, queries: Queries, *, top: int, by: By = ..., groups: None = None,
    ids: Ids | None = None, aggregate: bool = ..., out: None = None, progress: bool = True,
) -> TopScores: ...  # fmt: skip


def attribute(
    method: Method,
    problem: Problem,
    queries: Queries,
    *,
    top: int | None = None,
    by: By = "proponents",
    groups: Groups | None = None,
    ids: Ids | None = None,
    aggregate: bool = False,
    out: str | Path | None = None,
    progress: bool = True,
) -> Scores | TopScores:
    """Score every training example (or those of ``ids``) for every query; positive = proponent.

    ``queries`` come in any form of training data, or as :class:`wherefrom.Examples` with ids. By default the whole table
    (queries, train) is returned. ``top=k`` streams: only the k best at each end are ever held, by "proponents",
    "opponents" or "magnitude", equal scores in the order of the data. ``groups`` (name -> ids, or a name per example)
    sums scores over groups as they stream. ``aggregate=True`` asks about all queries at once: one row "all queries", the
    sum of theirs; where scores are linear in the query's gradient, solved for and scored at the price of a single query.
    ``out`` writes the table to a zarr folder block by block.
    """
    if top is not None and (groups is not None or out is not None):
        raise UsageError("top= keeps the best examples alone; leave out groups= and out=, or ask for the whole table.")
    if top is not None and top < 1:
        raise UsageError(f"top={top} asks for no examples; give a number of 1 or more.")
    asked, scored = problem.examples(queries), problem.train if ids is None else problem.train.select(ids)
    with torch.no_grad(), listening() as notes:
        fitted = method.fit(problem)
        prepare = fitted.prepare_sum if aggregate else fitted.prepare
        score = prepare(problem.batches(asked, size=fitted.size))
        blocks = _stream(problem, scored, fitted, score, progress)
        names = np.array(["all queries"]) if aggregate else asked.ids
        named = (names, fitted.unit, repr(method))
        if top is not None:
            best = _best(blocks, scored.ids, min(top, len(scored)), by, named, problem.fingerprint())
            other = None if best.opponents is None else replace(best.opponents, notes=tuple(notes))
            return replace(best, opponents=other, notes=tuple(notes))
        return _table(blocks, names, scored.ids, (fitted.unit, repr(method), problem.fingerprint()), groups, out, notes)


def self_influence(method: Method, problem: Problem, *, ids: Ids | None = None, progress: bool = True) -> Tensor:
    """The score of each training example (or those of ``ids``) for its own loss (n,): large for the odd and the mislabelled."""
    scored = problem.train if ids is None else problem.train.select(ids)
    with torch.no_grad():
        fitted = method.fit(problem)
        blocks = _stream(problem, scored, fitted, fitted.own, progress)
        found: Tensor | None = None
        for positions, values in blocks:  # which may come in another order than was asked
            found = torch.zeros(len(scored), dtype=values.dtype) if found is None else found
            found[torch.from_numpy(positions)] = values.cpu()
        assert found is not None  # examples are never empty
        return found


def _stream(
    problem: Problem, scored: Examples, fitted: FittedMethod, score: Callable[[Batch], Tensor], progress: bool
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """(positions, scores) of each batch of the training examples to score, with their own weights."""
    weights = problem.weights
    if scored is not problem.train:  # all ids may be asked for in another order
        weights = weights[torch.from_numpy(positions_of(scored.ids, problem.ids, "training"))]
    batches = problem.batches(scored, size=fitted.size, weights=weights)
    total = -(-len(scored) // fitted.size)
    patient = _halving(score)
    for batch in track(batches, "scoring training batches", total, progress):
        values = patient(batch)
        if not all_finite(values):
            bad = int((~torch.isfinite(values)).nonzero()[0, -1])
            raise UsageError(f"The score of training example {batch.ids[bad]!s} is not finite; raise the damping or check that example.")
        yield batch.positions, values


def _halving(score: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
    """The same scores; where memory runs out the batch is halved, then and from then on."""
    limit: int | None = None

    def patient(batch: Batch) -> Tensor:
        nonlocal limit
        waiting, found = [batch] if limit is None else list(batch.parts(limit)), []
        while waiting:
            part = waiting.pop(0)
            try:
                found.append(score(part))
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise UsageError("Memory ran out on a single training example; ask fewer queries at a time, or fewer parameters.") from error
                limit = (len(part) + 1) // 2
                waiting = [*part.parts(limit), *waiting]
        return found[0] if len(found) == 1 else torch.cat(found, -1)

    return patient


def _table(
    blocks: Iterator[tuple[np.ndarray, Tensor]], query_ids: np.ndarray, train_ids: np.ndarray, described: tuple[str, str, str],
    groups: Groups | None, out: str | Path | None, notes: list[str],
) -> Scores:  # fmt: skip
    """The dense table, in memory or on disk; with groups, their sums."""
    names = train_ids
    members: Tensor | None = None
    if groups is not None:
        named = group_ids(groups, train_ids)
        names = np.array(list(named))
        members = torch.zeros(len(train_ids), len(named), dtype=torch.float64)
        for column, ids in enumerate(named.values()):
            members[torch.from_numpy(positions_of(ids, train_ids, "training")), column] = 1
    if out is not None and members is None:
        return _streamed(blocks, query_ids, train_ids, described, out, notes)
    table: Tensor | None = None
    for positions, values in blocks:
        if table is None:
            table = torch.zeros(len(query_ids), len(names), dtype=values.dtype)
        if members is None:
            table[:, torch.from_numpy(positions)] = values.cpu()
        else:
            table += values.cpu() @ members[torch.from_numpy(positions)].to(values.dtype)
    assert table is not None  # examples are never empty
    scores = Scores(table, query_ids, names, *described, tuple(notes))
    if out is not None:
        scores.save(out)
    return scores


def _streamed(
    blocks: Iterator[tuple[np.ndarray, Tensor]], query_ids: np.ndarray, train_ids: np.ndarray, described: tuple[str, str, str],
    out: str | Path, notes: list[str],
) -> Scores:  # fmt: skip
    """The dense table written to disk block by block."""
    writer, array = ArrayWriter(out, "scores"), None
    try:
        writer.add("query_ids", query_ids)
        writer.add("train_ids", train_ids)
        for positions, values in blocks:
            block = values.cpu().numpy()
            if array is None:
                array = writer.create("values", (len(query_ids), len(train_ids)), block.dtype)
            array.oindex[:, positions] = block
        writer.close({**dict(zip(("unit", "method", "fingerprint"), described, strict=True)), "notes": notes})
    except BaseException:
        writer.abandon()
        raise
    return Scores.open(out)


def _best(
    blocks: Iterator[tuple[np.ndarray, Tensor]], train_ids: np.ndarray, k: int, by: By, named: tuple[np.ndarray, str, str], fingerprint: str
) -> TopScores:
    """The k best at one end of each row and at the other, as the blocks pass by."""
    ends: list[By] = [by] if (other := other_end(by)) is None else [by, other]
    kept: dict[By, tuple[Tensor, Tensor]] = {}
    for positions, values in blocks:
        block = values.cpu(), torch.from_numpy(positions).expand(len(values), -1)
        for end in ends:
            kept[end] = _merged(kept[end], block, k, end) if end in kept else _keep(*block, k, end)
    tops: list[TopScores | None] = [None]
    for end in reversed(ends):
        values, places = kept[end]
        tops.append(TopScores(values, train_ids[places.numpy()], *named, end, tops[-1], fingerprint))
    assert tops[-1] is not None
    return tops[-1]


def _merged(kept: tuple[Tensor, Tensor], block: tuple[Tensor, Tensor], k: int, by: By) -> tuple[Tensor, Tensor]:
    """The k best of those kept and a block; columns of the block that come after every row's last are not sorted."""
    if kept[0].shape[1] == k:
        last, place = rank_key(kept[0][:, -1:], by), kept[1][:, -1:]
        block = _columns(block, (rank_key(block[0], by) >= last).any(0))
        key = rank_key(block[0], by)
        block = _columns(block, ((key > last) | ((key == last) & (block[1] < place))).any(0))
        if block[0].shape[1] == 0:
            return kept
    return _keep(torch.cat([kept[0], block[0]], 1), torch.cat([kept[1], block[1]], 1), k, by)


def _columns(block: tuple[Tensor, Tensor], chosen: Tensor) -> tuple[Tensor, Tensor]:
    places = chosen.nonzero()[:, 0]
    return block[0][:, places], block[1][:, places]


def _keep(values: Tensor, places: Tensor, k: int, by: By) -> tuple[Tensor, Tensor]:
    """The k best columns; among equals the earliest place in the data, whatever order the batches came in."""
    key = rank_key(values, by)
    if values.shape[1] > k:  # all that equal the k-th best or come before it; seldom more than k, and sorting few is fast
        most = int((key >= key.topk(k).values[:, -1:]).sum(1).max())
        chosen = key.topk(most).indices
        values, places, key = values.gather(1, chosen), places.gather(1, chosen), key.gather(1, chosen)
    by_place = places.argsort(dim=1, stable=True)
    order = by_place.gather(1, key.gather(1, by_place).argsort(dim=1, descending=True, stable=True)[:, :k])
    return values.gather(1, order), places.gather(1, order)
