"""Scores of tokens: which tokens of a training example speak for which tokens of a query; they add up to the examples' score."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from wherefrom.attribution import attribute
from wherefrom.data.batches import Batch
from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.lm.language_problem import reader_of
from wherefrom.lm.token_batches import TokenBatch, TokenText, plain_text, text_of
from wherefrom.methods import FittedMethod, Method
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.reporting.tokens import ScoredTokens, shared_scale
from wherefrom.scores import By, TopScores, positions_of
from wherefrom.types import Id, Ids

if TYPE_CHECKING:
    import pandas as pd

# beside the sum of the sizes of the tokens' scores; many models take their norms in float32, whatever their type
ADDS_UP = {torch.float64: 1e-5, torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 5e-2}


@dataclass(frozen=True, eq=False)
class TokenPair:
    """A query and a training example: ``values`` (query tokens, training tokens) add up to ``score``."""

    query_id: Id
    train_id: Id
    score: float
    values: Tensor
    query: TokenText
    train: TokenText


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Pairs of queries and training examples, each query's in order of rank; a notebook shows them in colour."""

    pairs: tuple[TokenPair, ...]
    unit: str
    method: str

    def pair(self, query_id: Id, train_id: Id) -> TokenPair:
        """The pair of these ids."""
        found = next((pair for pair in self.pairs if (pair.query_id, pair.train_id) == (query_id, train_id)), None)
        if found is None:
            known = [(pair.query_id, pair.train_id) for pair in self.pairs[:3]]
            raise UsageError(f"Query {query_id!r} and training example {train_id!r} were not taken apart; there are pairs such as {known}.")
        return found

    def to_pandas(self, side: Literal["both", "query", "train"] = "both") -> "pd.DataFrame":
        """One row for each token of a query and token of a training example, or, summed over the other side, for each token of one side."""
        import pandas as pd

        if side not in ("both", "query", "train"):
            raise UsageError(f"side={side!r} is unknown; give 'both', 'query' or 'train'.")
        return pd.concat([_frame(pair, side) for pair in self.pairs], ignore_index=True)

    def query_tokens(self, query_id: Id) -> ScoredTokens:
        """A query's text, each token scored by the sum over the training examples that were taken apart."""
        own = [pair for pair in self.pairs if pair.query_id == query_id]
        if not own:
            raise UsageError(f"There is no query {query_id!r}; there are {sorted({str(pair.query_id) for pair in self.pairs})[:3]}.")
        return own[0].query.scored(torch.stack([pair.values.sum(1) for pair in own]).sum(0).tolist())

    def train_tokens(self, query_id: Id, train_id: Id) -> ScoredTokens:
        """A training example's text, each token scored by the sum over the query's tokens."""
        pair = self.pair(query_id, train_id)
        return pair.train.scored(pair.values.sum(0).tolist())

    def _repr_html_(self) -> str:
        return str(Markup("").join(self._card(query) for query in dict.fromkeys(pair.query_id for pair in self.pairs)))

    def _card(self, query_id: Id) -> Markup:
        own = [pair for pair in self.pairs if pair.query_id == query_id]
        texts = [self.train_tokens(query_id, pair.train_id) for pair in own]
        scale = shared_scale(texts)
        head = Markup('<div style="margin: 1em 0"><b>query {}</b><div style="white-space: pre-wrap">{}</div><table>').format(
            str(query_id), self.query_tokens(query_id).html()
        )
        rows = [
            Markup('<tr><td style="text-align: left">{}</td><td>{}</td><td style="text-align: left; white-space: pre-wrap">{}</td></tr>').format(
                str(pair.train_id), f"{pair.score:+.3g}".replace("-", "−"), text.html(scale)
            )
            for pair, text in zip(own, texts, strict=True)
        ]
        return head + Markup("").join(rows) + Markup("</table></div>")


def token_scores(
    method: Method, problem: Problem, queries: Queries, *, top: int | TopScores = 5, by: By = "proponents", progress: bool = True
) -> TokenScores:  # fmt: skip
    """Score each token of the ``top`` training examples of each query for each of the query's tokens; ``top`` may be what ``attribute(top=)`` found.

    The loss of a sequence is the sum of the losses of its tokens, so where a score is linear in both gradients (influence functions, TracIn,
    gradient dot) the tokens' scores add up to the sequences'. Raises :class:`UsageError` for a method of which that is not so, such as a cosine.
    """
    reader, asked = reader_of(problem), problem.examples(queries)
    fitted = method.fit(problem)
    chosen = _chosen(_Ready(method, fitted), problem, asked, top, by, progress)
    pairs: list[TokenPair] = []
    with torch.no_grad():
        for row, wanted in enumerate(track(chosen, "scoring tokens", len(chosen), progress)):
            query = TokenBatch.of(_only(problem, asked, row))
            trains = [TokenBatch.of(_trained(problem, key)) for key in wanted]
            texts = text_of(reader, query), [text_of(reader, train) for train in trains]
            for train, text, (values, score) in zip(trains, texts[1], _matrices(fitted, query, trains), strict=True):
                _check_sum(values, score, type(method).__name__, problem.dtype)
                pairs.append(TokenPair(query.whole.ids[0].item(), train.whole.ids[0].item(), score, values, texts[0], text))
    return TokenScores(tuple(pairs), fitted.unit, repr(method))


def texts(problem: Problem, examples: Queries | None = None, *, ids: Ids | None = None) -> dict[Id, str]:
    """Return what the model is given of each training example, or other ``examples``, or those of ``ids``, as text without padding."""
    reader = reader_of(problem)
    chosen = problem.train if examples is None else problem.examples(examples)
    chosen = chosen if ids is None else chosen.select(ids)
    found: dict[Id, str] = {}
    for batch in problem.batches(chosen):
        for place, key in enumerate(batch.ids.tolist()):
            found[key] = plain_text(reader, batch.take(np.array([place])).inputs)
    return found


@dataclass(frozen=True, eq=False)
class _Ready(Method):
    """A method that is fitted already."""

    settings: Method
    fitted: FittedMethod

    def __repr__(self) -> str:
        return repr(self.settings)

    def fit(self, problem: Problem) -> FittedMethod:
        return self.fitted


def _chosen(method: Method, problem: Problem, asked: Examples, top: int | TopScores, by: By, progress: bool) -> list[list[Id]]:
    """The training examples that each query is asked with, by rank."""
    if isinstance(top, TopScores):
        if top.query_ids.tolist() != asked.ids.tolist():
            raise UsageError("The best training examples are of other queries; give the queries that they were found for.")
        return top.ids.tolist()
    return attribute(method, problem, asked, top=top, by=by, progress=progress).ids.tolist()


def _only(problem: Problem, examples: Examples, place: int, weights: Tensor | None = None) -> Batch:
    return next(iter(problem.batches(examples.take(np.array([place])), weights=weights)))


def _trained(problem: Problem, key: Id) -> Batch:
    """A training example, with its weight."""
    place = int(positions_of([key], problem.ids, "training")[0])
    return _only(problem, problem.train, place, problem.weights[place : place + 1])


def _matrices(fitted: FittedMethod, query: TokenBatch, trains: list[TokenBatch]) -> Iterator[tuple[Tensor, float]]:
    """(query tokens, training tokens) and the score of the whole, for each training example; query tokens are prepared as many at a time as fit."""
    whole = fitted.prepare([query.whole])
    scores = [float(whole(train.whole)[0, 0]) for train in trains]
    blocks: list[list[Tensor]] = [[] for _ in trains]
    for part in query.rows.parts(fitted.size):
        score: Callable[[Batch], Tensor] = fitted.prepare([part])
        for found, train in zip(blocks, trains, strict=True):
            found.append(torch.cat([score(tokens) for tokens in train.rows.parts(fitted.size)], 1).cpu())
    yield from zip([torch.cat(found) for found in blocks], scores, strict=True)


def _check_sum(values: Tensor, score: float, method: str, dtype: torch.dtype) -> None:
    gap, size = abs(float(values.double().sum()) - score), float(values.double().abs().sum())
    if gap > ADDS_UP.get(dtype, 1e-3) * max(size, abs(score)):
        raise UsageError(
            f"Scores of tokens add up to {float(values.sum()):.6g} where the sequence's is {score:.6g}: {method} is not linear in both gradients; "
            "use InfluenceFunction, TracIn or GradientDot, without normalising."
        )


def _frame(pair: TokenPair, side: str) -> "pd.DataFrame":
    import pandas as pd

    asked, trained = (np.arange(len(text.places)) for text in (pair.query, pair.train))
    grid = np.meshgrid(asked, trained, indexing="ij") if side == "both" else (asked, None) if side == "query" else (None, trained)
    values = {"both": pair.values, "query": pair.values.sum(1), "train": pair.values.sum(0)}[side]
    columns: dict[str, object] = {"query_id": pair.query_id, "train_id": pair.train_id}
    for name, places, text in (("query", grid[0], pair.query), ("train", grid[1], pair.train)):
        if places is not None:
            columns[f"{name}_place"] = np.array(text.places)[places.ravel()]
            columns[f"{name}_token"] = np.array(text.asked, dtype=object)[places.ravel()]
    return pd.DataFrame({**columns, "score": values.double().numpy().ravel()})
