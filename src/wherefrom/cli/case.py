"""What the command line explains, wherever it came from: a problem, its queries, and how examples look to a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from wherefrom.data.examples import Examples
from wherefrom.problem import Problem
from wherefrom.retraining import Train
from wherefrom.types import Id


@dataclass(frozen=True, eq=False)
class View:
    """How examples look: a label for each id, and their column values or pictures where there are any."""

    labels: Mapping[object, str]
    values: pd.DataFrame | None = None  # index = ids
    images: Mapping[object, np.ndarray] | None = None

    def row(self, key: Id) -> dict[str, object]:
        """Column -> value of one example."""
        return {} if self.values is None else {str(name): value for name, value in self.values.loc[key].items()}

    def image(self, key: object) -> np.ndarray | None:
        """Its picture."""
        return None if self.images is None else self.images[key]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model says of a query."""

    prediction: str
    truth: str | None
    right: bool | None


@dataclass(frozen=True, eq=False)
class ExplainedCase:
    """One thing to explain; ``scales`` are the spreads of number columns, by which two values are near or far."""

    name: str
    problem: Problem
    queries: Examples
    answers: Mapping[object, Answer]
    train_view: View
    query_view: View
    train: Train | None
    settings: Mapping[str, str]
    held_out: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scales: Mapping[str, float] = field(default_factory=dict)
