"""Somebody else's code run with care: whatever it raises or wrongly returns becomes one sentence."""

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import torch

from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining import Run, Train, TrainMany
from wherefrom.retraining.retrain import parameters_of

T = TypeVar("T")


class TrainerError(UsageError):
    """A person's own trainer failed; what needs no training stands."""


class OwnTrainer:
    """A person's trainer, with its name and settings; its failures are :class:`TrainerError`."""

    def __init__(self, train: Train, spec: str) -> None:
        self.train, self.spec = train, spec
        self.seeded = getattr(train, "seeded", True)
        update_wrapper(self, train)  # kept outcomes go by the trainer's own name

    def __repr__(self) -> str:
        return repr(self.train)

    def __call__(self, problem: Problem, seed: int) -> Run | Any:
        """Train, and see that the result is this model's and finite."""
        try:
            found = run_guarded(lambda: self.train(problem, seed), f"The trainer of {self.spec} failed", path_of(self.spec))
            problem.at(parameters_of(found))
        except UsageError as error:
            said = str(error)
            raise TrainerError(said if self.spec in said else f"The trainer of {self.spec} cannot be used: {said}") from error
        return found


def own_trainer(train: Train | None, spec: str) -> Train | None:
    """The trainer, guarded; wherefrom's own say themselves what fails."""
    return train if train is None or isinstance(train, TrainMany) else OwnTrainer(train, spec)


def check_queries(problem: Problem, queries: Queries, spec: str) -> Examples:
    """The queries, after the model and its loss were run on them and on the training examples."""
    said, path = f"The model or loss of {spec} failed on its", path_of(spec)
    run_guarded(lambda: _run(problem, None), f"{said} training examples", path)
    try:
        asked = problem.examples(queries)
        run_guarded(lambda: _run(problem, asked), f"{said} queries", path)
    except UsageError as error:
        raise UsageError(str(error) if spec in str(error) else f"The queries of {spec} cannot be used: {error}") from error
    return asked


def _run(problem: Problem, examples: Examples | None) -> None:
    with torch.no_grad():
        for batch in problem.batches(examples):
            outputs = problem.outputs(batch.inputs)
            problem.losses(outputs, batch) if examples is None else problem.measurements(outputs, batch)


def path_of(spec: str) -> Path:
    """The file of ``path.py:function``."""
    return Path(spec.rpartition(":")[0])


def run_guarded(call: Callable[[], T], what: str, path: Path) -> T:
    """Run it; an error becomes one sentence with the line of ``path`` it came from."""
    try:
        return call()
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        trace, line = error.__traceback__, None
        while trace is not None:
            if Path(trace.tb_frame.f_code.co_filename).name == path.name:
                line = trace.tb_lineno
            trace = trace.tb_next
        where, said = f" at line {line}" if line else "", " ".join(str(error).split())
        raise UsageError(f"{what}{where} ({type(error).__name__}: {said}); run it in Python to see more.") from error
