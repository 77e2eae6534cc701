"""Encoded rows, and which of them a person asks about."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from wherefrom.cli.case import View
from wherefrom.cli.training import Learner
from wherefrom.data.examples import Examples
from wherefrom.errors import UsageError
from wherefrom.problem import Problem

MOST_QUERIES = 5


@dataclass(frozen=True, eq=False)
class QueryRows:
    """Encoded rows: inputs, targets (class positions or values), ids, and what a person sees of them."""

    X: Tensor
    y: Tensor
    ids: np.ndarray
    frame: pd.DataFrame | None = None  # used columns, index = ids
    images: Tensor | None = None
    labelled: bool = True  # targets are known, not predicted

    def take(self, positions: np.ndarray) -> "QueryRows":
        """The rows at the given positions."""
        at = torch.from_numpy(positions)
        frame = None if self.frame is None else self.frame.iloc[positions]
        return QueryRows(self.X[at], self.y[at], self.ids[positions], frame, None if self.images is None else self.images[at], self.labelled)

    def view(self, learner: Learner, target: str) -> View:
        """How these rows look."""
        labels = {key: f"{target} {text}" for key, text in zip(self.ids.tolist(), learner.truth(self.y), strict=True)}
        images = None if self.images is None else dict(zip(self.ids.tolist(), self.images.numpy(), strict=True))
        return View(labels, self.frame, images)


def hardest_rows(problem: Problem, learner: Learner, held: QueryRows) -> tuple[QueryRows, tuple[str, ...]]:
    """Held-out rows that the model gets wrong, at most five, those of highest loss; where none is wrong, or none can be, the five of highest loss."""
    examples = Examples.of((held.X, learner.targets(held.y)), ids=held.ids)
    with torch.no_grad():
        losses = torch.cat([problem.losses(problem.outputs(batch.inputs), batch) for batch in problem.batches(examples)])
    order = losses.argsort(descending=True, stable=True).numpy()
    if not learner.classes:
        return held.take(order[:MOST_QUERIES]), (f"Asked about the {min(MOST_QUERIES, len(order))} held-out rows with the largest errors.",)
    wrong = (learner.answers(problem.outputs(held.X))[0] != held.y).numpy()
    if not wrong.any():
        return held.take(order[:MOST_QUERIES]), ("No held-out row is misclassified; asked about those of highest loss instead.",)
    chosen = order[wrong[order]][:MOST_QUERIES]
    return held.take(chosen), (
        f"{int(wrong.sum())} of {len(wrong)} held-out rows are misclassified; asked about {len(chosen)}, those of highest loss.",
    )


def rows_named(rows: QueryRows, query: list[str]) -> QueryRows:
    """The rows whose ids are asked for."""
    place = {str(key): position for position, key in enumerate(rows.ids.tolist())}
    wanted = list(dict.fromkeys(part.strip() for text in query for part in text.split(",") if part.strip()))
    missing = [key for key in wanted if key not in place]
    if missing or not wanted:
        known = ", ".join(list(place)[:3])
        raise UsageError(
            f"--query {missing[0] if missing else ''!r} is not there: neither a row id (such as {known}; rows without a target are left out), "
            "nor a file, nor `wrong`."
        )
    return rows.take(np.array([place[key] for key in wanted]))


def rows_without_target(problem: Problem, learner: Learner, X: Tensor, frame: pd.DataFrame) -> tuple[QueryRows, Problem, tuple[str, ...]]:
    """New rows without a target: classes are asked about the class the model predicts, numbers about the prediction itself."""
    predicted = learner.answers(problem.outputs(X))[0].detach()
    rows = QueryRows(X, predicted, frame.index.to_numpy().astype(str), frame, labelled=False)
    if learner.classes:
        return rows, problem, ("The new rows have no target; asked about the class that the model predicts.",)
    objective = replace(problem.objective, measurement=_prediction, lower_is_better=False)
    return rows, replace(problem, objective=objective), ("The new rows have no target; proponents raise the prediction, opponents lower it.",)


def _prediction(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs[:, 0]


def is_file(text: str) -> bool:
    """Whether a query names a file; what looks like one and is not there is refused."""
    if Path(text).is_file():
        return True
    if Path(text).suffix.lower() in (".csv", ".tsv", ".txt", ".parquet"):
        raise UsageError(f"--query {text} is not there; give a file of new rows, row ids, or `wrong`.")
    return False
