"""What methods are compared on: data in three parts, and how to train on the first."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from wherefrom import datasets
from wherefrom.cli.encoded_table import Parts, encode_table
from wherefrom.cli.guard import check_queries
from wherefrom.cli.training import Learner
from wherefrom.cli.user_code import SMALL, load_parts
from wherefrom.data.examples import Examples
from wherefrom.errors import UsageError, nearest
from wherefrom.problem import Problem
from wherefrom.retraining import Train
from wherefrom.retraining import train as trainers
from wherefrom.retraining.train.descent import Descent
from wherefrom.retraining.utility import has_classes

BUNDLED = ("breast_cancer", "digits", "wine", "iris", "diabetes")
STEPS, BATCH, RATE, CHECKPOINTS = 300, 32, 0.01, 5  # of Adam


@dataclass(frozen=True, eq=False)
class ComparisonSetup:
    """A problem before training, its trainer, and held-out examples: ``queries`` are asked about, ``validation`` ranks, ``test`` judges."""

    name: str
    problem: Problem
    train: Train
    queries: Examples
    validation: Examples
    test: Examples
    classes: bool
    settings: dict[str, str]
    notes: tuple[str, ...] = field(default=())

    @property
    def retrain(self) -> Train:
        """The same training without checkpoints, which many at once can do."""
        return replace(self.train, checkpoints=0) if isinstance(self.train, Descent) and not self.train.record else self.train


def set_up_comparison(data: str | None, target: str | None, problem: str | None, queries: int, learner: Learner) -> ComparisonSetup:
    """From a table, data that come with scikit-learn, or a person's own function."""
    if problem is not None:
        if data is not None or target is not None:
            raise UsageError("--problem brings its own data; leave out DATA and --target.")
        return _own(problem, queries, learner.seed)
    name = data or BUNDLED[0]
    if name in BUNDLED and not Path(name).exists():
        if target is not None:
            raise UsageError(f"{name} has its own target; leave out --target.")
        bundled = datasets.bundled(name)
        return _of_table(bundled, queries, learner) if isinstance(bundled, datasets.Table) else _of_images(name, bundled, queries, learner)
    if target is None:
        if not Path(name).exists():
            raise UsageError(f"There is no file {name}, nor such data with scikit-learn.{nearest(name, BUNDLED)} Choose one of {', '.join(BUNDLED)}.")
        raise UsageError("Give the column to predict: wherefrom compare TABLE --target COLUMN.")
    return _of_table(datasets.read_table(name, target), queries, learner)


def _of_table(table: datasets.Table, queries: int, learner: Learner) -> ComparisonSetup:
    encoded = encode_table(table, learner, datasets.split_three)
    return _setup(table.name, encoded.X, encoded.y, table.ids, encoded.parts, queries, encoded.learner, table.notes)


def _of_images(name: str, data: datasets.Images, queries: int, learner: Learner) -> ComparisonSetup:
    parts = datasets.split_three(len(data.ids), seed=learner.seed, stratify=data.y.numpy())
    return _setup(name, data.X.double(), data.y, data.ids, parts, queries, replace(learner, classes=data.classes), ())


def _setup(
    name: str, X: Tensor, y: Tensor, ids: np.ndarray, parts: Parts, queries: int, learner: Learner, notes: tuple[str, ...],
) -> ComparisonSetup:  # fmt: skip
    train, validation, test = parts
    targets = learner.targets(y)
    asked = np.sort(np.random.default_rng(learner.seed).permutation(validation)[:queries])
    few, ranking, judging = (Examples.of((X[part], targets[part]), ids=ids[part]) for part in (asked, validation, test))
    epochs = max(5, -(-STEPS * BATCH // len(train)))
    trainer = trainers.adam(epochs, RATE, batch_size=BATCH, checkpoints=CHECKPOINTS)
    settings = {
        "model": learner.describe, "penalty": f"l2 {learner.l2:g} on every parameter",
        "training": f"Adam, {epochs} epochs, batches of {BATCH}, learning rate {RATE:g}, from a start and in an order of each seed",
        "split": f"{len(train)} training, {len(validation)} validation, {len(test)} test rows",
    }  # fmt: skip
    return ComparisonSetup(
        name, learner.problem(X[train], y[train], ids[train]), trainer, few, ranking, judging, bool(learner.classes), settings, notes
    )


def _own(spec: str, queries: int, seed: int) -> ComparisonSetup:
    problem, given, train = load_parts(spec)
    notes: tuple[str, ...] = ()
    if train is None and problem.size > SMALL:
        raise UsageError(f"{spec} returned no trainer; return a third value, train, a function (problem, seed) -> parameters.")
    if train is None:
        train = trainers.newton()
        notes = ("Trained by Newton's method, which no seed changes; return a third value, train, to train your own way.",)
    held = check_queries(problem, given, spec)
    if len(held) < 2:
        raise UsageError(f"{spec} returned {len(held)} queries; give 2 or more.")
    order = np.random.default_rng(seed).permutation(len(held))
    few, ranking, judging = (held.take(np.sort(part)) for part in (order[:queries], order[::2], order[1::2]))
    settings = {"model": type(problem.model).__name__, "problem": spec, "objective": problem.objective.describe()}
    name = f"{Path(spec.rpartition(':')[0]).name}:{spec.rpartition(':')[2]}"
    return ComparisonSetup(name, problem, train, few, ranking, judging, has_classes(problem), settings, notes)
