"""A person's own model: a function in a Python file that returns the problem and the queries."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from wherefrom.cli.case import Answer, ExplainedCase, View
from wherefrom.cli.guard import check_queries, own_trainer, path_of, run_guarded
from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError, nearest
from wherefrom.problem import Problem
from wherefrom.retraining import Train
from wherefrom.retraining import train as trainers

SMALL = 2000  # parameters up to which Newton's method retrains without being asked to
COLUMNS = 30  # of flat inputs that are shown as a table


def load_case(spec: str) -> ExplainedCase:
    """From ``path.py:function``, which returns (Problem, queries) or (Problem, queries, train)."""
    problem, queries, train = load_parts(spec)
    asked = check_queries(problem, queries, spec)
    notes: tuple[str, ...] = ()
    if train is None and problem.size <= SMALL:
        train = trainers.newton()
        notes = ("Proved by refitting with Newton's method from the given weights; return a third value, train, to retrain your own way.",)
    answers, view = _shown(problem, asked)
    settings = {"model": type(problem.model).__name__, "problem": spec, "objective": problem.objective.describe()}
    name = f"{Path(spec.rpartition(':')[0]).name}:{spec.rpartition(':')[2]}"
    return ExplainedCase(
        name, problem, asked, answers, _shown(problem, problem.train)[1], view, train, settings, notes=notes, scales=_scales(problem.train)
    )


def load_parts(spec: str) -> tuple[Problem, Queries, Train | None]:
    """Problem, queries and train (None where there is none) of ``path.py:function``."""
    return _called(_function(spec), spec)


def _function(spec: str) -> Callable[[], Any]:
    path_text, colon, name = spec.rpartition(":")
    path = Path(path_text)
    if not colon or path.suffix != ".py" or not name:
        raise UsageError(f"--problem {spec!r} is not path.py:function; name a Python file and a function in it.")
    if not path.is_file():
        near = nearest(path.name, (file.name for file in path.parent.glob("*.py"))) if path.parent.is_dir() else ""
        raise UsageError(f"There is no file {path}.{near}" if near else f"There is no file {path}; check the path.")
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    assert module_spec is not None and module_spec.loader is not None  # a .py file always has a loader
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[path.stem] = module  # dataclasses and pickling look a module up by its name
    sys.path.insert(0, str(path.parent.resolve()))  # so that it can import its neighbours
    run_guarded(lambda: module_spec.loader.exec_module(module), f"{path} could not be loaded", path)  # type: ignore[union-attr]
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == module.__name__]
        raise UsageError(f"{path} has no function {name!r}.{nearest(name, known)} It defines {', '.join(known) or 'none'}.")
    return function


def _called(function: Callable[[], Any], spec: str) -> tuple[Problem, Queries, Train | None]:
    found = run_guarded(function, f"{spec} failed", path_of(spec))
    if not isinstance(found, tuple) or len(found) not in (2, 3) or not isinstance(found[0], Problem):
        what = f"a tuple of {', '.join(type(part).__name__ for part in found)}" if isinstance(found, tuple) else f"a {type(found).__name__}"
        raise UsageError(f"{spec} returned {what}; return (Problem, queries) or (Problem, queries, train).")
    problem, queries, train = found if len(found) == 3 else (*found, None)
    if train is not None and not callable(train):
        raise UsageError(f"The third value that {spec} returned is a {type(train).__name__}; return a function (problem, seed) -> parameters.")
    return problem, queries, own_trainer(cast("Train | None", train), spec)


def _shown(problem: Problem, examples: Examples) -> tuple[dict[object, Answer], View]:
    """What the model says of each example, and how each looks: flat inputs as columns, pictures as pictures."""
    answers, labels, columns, images = {}, {}, {}, {}
    for batch in problem.batches(examples):
        with torch.no_grad():
            outputs = problem.outputs(batch.inputs)
        said, true = _said(outputs), _target_texts(batch.targets, len(batch))
        for place, key in enumerate(batch.ids.tolist()):
            right = said[place] == true[place] if outputs.dim() == 2 and outputs.shape[1] > 1 else None
            answers[key], labels[key] = Answer(said[place], true[place], right), f"target {true[place]}"
        inputs = batch.inputs.cpu() if isinstance(batch.inputs, Tensor) else None
        if inputs is not None and inputs.dim() == 2 and inputs.shape[1] <= COLUMNS:
            columns |= dict(zip(batch.ids.tolist(), inputs.tolist(), strict=True))
        elif inputs is not None and inputs.dim() == 4 and inputs.shape[1] in (1, 3):
            images |= dict(zip(batch.ids.tolist(), _unit_range(inputs), strict=True))
    frame = None
    if columns:
        rows = list(columns.values())
        frame = pd.DataFrame(rows, index=pd.Index(list(columns)), columns=[f"x{place}" for place in range(len(rows[0]))])
    return answers, View(labels, frame, images or None)


def _said(outputs: Tensor) -> list[str]:
    flat = outputs.reshape(len(outputs), -1)
    if flat.shape[1] > 1 and outputs.dim() == 2:
        return [str(value) for value in flat.argmax(1).tolist()]
    return [f"{value:.4g}" for value in flat[:, 0].tolist()] if flat.shape[1] == 1 else [f"{flat.shape[1]} numbers"] * len(flat)


def _target_texts(targets: Any, count: int) -> list[str]:
    if not isinstance(targets, Tensor) or targets.numel() != count:
        return ["…"] * count
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in targets.flatten().tolist()]


def _unit_range(images: Tensor) -> list[np.ndarray]:
    """Pictures stretched to [0, 1], each by its own range."""
    flat = images.double().flatten(1)
    low, high = flat.min(1).values[:, None], flat.max(1).values[:, None]
    return list(((flat - low) / (high - low).clamp_min(1e-12)).view(images.shape).numpy())


def _scales(examples: Examples) -> dict[str, float]:
    """The spread of each column of flat inputs, over the first few thousand."""
    for _, batch in examples.read(4096):
        inputs = batch[0] if isinstance(batch, (tuple, list)) and batch else None
        if isinstance(inputs, Tensor) and inputs.dim() == 2 and len(inputs) > 1 and inputs.shape[1] <= COLUMNS:
            return {f"x{place}": float(spread) for place, spread in enumerate(inputs.double().std(0))}
        return {}
    return {}
