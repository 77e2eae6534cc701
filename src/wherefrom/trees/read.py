"""A fitted tree ensemble and the data of its training, to a problem whose leaf values are proved to come from these data."""

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.memory import memory_budget
from wherefrom.objective import Objective, PerExample
from wherefrom.parameters import checked_weights
from wherefrom.trees.forest import Forest
from wherefrom.trees.forms import Estimator, Table
from wherefrom.trees.proof import Proof
from wherefrom.trees.readers.catboost_models import CatBoostReader
from wherefrom.trees.readers.forests import ForestReader
from wherefrom.trees.readers.gradient_boosting import GradientBoostingReader
from wherefrom.trees.readers.hist_gradient_boosting import HistGradientBoostingReader
from wherefrom.trees.readers.lightgbm_models import LightGBMReader
from wherefrom.trees.readers.reader import Reader
from wherefrom.trees.readers.xgboost_models import XGBoostReader
from wherefrom.trees.table import TableForm
from wherefrom.trees.targets import TargetForm
from wherefrom.trees.tree_problem import Origin, TreeModel, TreeProblem, encoded, reader_of
from wherefrom.types import Ids, Numbers

READERS: tuple[Reader, ...] = (
    GradientBoostingReader(), HistGradientBoostingReader(), ForestReader(), XGBoostReader(), LightGBMReader(), CatBoostReader(),
)  # fmt: skip


def read(
    model: Estimator,
    X: Table,
    y: Table,
    weights: Numbers | None = None,
    *,
    ids: Ids | None = None,
    measurement: PerExample | None = None,
    lower_is_better: bool = True,
    batch_size: int | None = None,
    memory: int | str | None = None,
) -> TreeProblem:
    """Return a problem of a fitted ensemble and the table, targets and weights that it was fitted on, in the order of the fit.

    Models of XGBoost, LightGBM, CatBoost, and of scikit-learn GradientBoosting, HistGradientBoosting, RandomForest and ExtraTrees: regression by
    squared error, two classes, several classes. Every leaf value is computed again from the data and must be the model's, within what the library's
    arithmetic explains. Queries are ``(X, y)`` in the same form, or ``problem.queries(X, y, ids)``. What they are asked is their loss: squared
    error, cross entropy of raw outputs, of a forest's classes the Brier score; or a ``measurement`` (outputs, targets) -> (B,). Raises
    :class:`UsageError` naming the setting for a model whose values cannot be replayed.
    """
    reader = reader_for(model)
    targets = TargetForm(reader.classes(model))
    form = TableForm.of(X)
    bits, numbers = form.encode(X), targets.encode(y)
    if len(bits) != len(numbers):
        raise UsageError(f"{len(numbers)} targets for {len(bits)} rows; give one target for each.")
    chosen = checked_weights(weights, len(numbers), torch.float64, torch.device("cpu"))
    memory_budget(memory, chosen.device)
    origin = Origin(model, bits, numbers, form, targets, chosen.numpy(), reader.structure)
    structure = origin.structure
    asked = structure.objective if isinstance(structure, Forest) else structure.rule.loss.objective
    objective = asked if measurement is None else Objective(asked.loss, measurement, lower_is_better, convex=asked.convex)
    examples = encoded(bits, np.arange(len(numbers)), numbers, targets.classes is not None, ids)
    module = TreeModel(structure).eval()
    problem = TreeProblem(
        module, objective, examples, module.held(), ("values",), chosen, float(chosen.sum()), batch_size=batch_size, memory=memory,
        reader=reader_of(origin), origin=origin,
    )  # fmt: skip
    Proof.of(problem)
    return problem


def reader_for(model: Estimator) -> Reader:
    """Return the reader of a model. Raises :class:`UsageError` for a model that none reads."""
    for reader in READERS:
        if reader.reads(model):
            return reader
    if hasattr(model, "steps"):
        raise UsageError("A pipeline was given; give its last step, and the table as the steps before leave it: pipeline[:-1].transform(X).")
    raise UsageError(
        f"A {type(model).__name__} is none of the ensembles that can be read: models of xgboost, lightgbm and catboost, and scikit-learn's "
        "GradientBoosting, HistGradientBoosting, RandomForest and ExtraTrees."
    )
