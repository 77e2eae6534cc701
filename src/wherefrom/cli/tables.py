"""A table, or data that come with scikit-learn, as a case: split, encoded, trained, and asked about."""

from dataclasses import replace
from pathlib import Path

import torch

from wherefrom import datasets
from wherefrom.cli.case import Answer, ExplainedCase
from wherefrom.cli.query_rows import QueryRows, hardest, is_file, named, unlabelled
from wherefrom.cli.training import Learner
from wherefrom.data.examples import Examples
from wherefrom.problem import Problem
from wherefrom.retraining import train as trainers

HELD_OUT = 0.2


def table_case(
    path: Path, target: str, query: list[str], model: str, seed: int, l2: float, id_column: str | None, task: str | None
) -> ExplainedCase:  # fmt: skip
    """A person's table."""
    return _of_table(datasets.read_table(path, target, id=id_column, task=task), query, Learner((), model, l2, seed))


def bundled_case(name: str, model: str, seed: int, l2: float) -> ExplainedCase:
    """Data that come with scikit-learn."""
    data, learner = datasets.bundled(name), Learner((), model, l2, seed)
    if isinstance(data, datasets.Table):
        return _of_table(data, ["wrong"], learner)
    learner = replace(learner, classes=data.classes)
    rows = QueryRows(data.X.double(), data.y, data.ids, images=data.X)
    train, held = (rows.take(positions) for positions in datasets.split(len(rows.ids), seed=seed, fraction=HELD_OUT, stratify=rows.y.numpy()))
    problem = learner.fit(train.X, train.y, train.ids)
    queries, notes = hardest(problem, learner, held)
    return _case(name, learner, problem, train, held, queries, "digit", notes)


def _of_table(table: datasets.Table, query: list[str], learner: Learner) -> ExplainedCase:
    y = datasets.encode_target(table, table.frame)
    train, held = datasets.split(len(table.ids), seed=learner.seed, fraction=HELD_OUT, stratify=y.numpy() if table.classes else None)
    learner = replace(learner, classes=table.classes)
    if not table.classes:
        learner = replace(learner, centre=float(y[train].mean()), spread=float(y[train].std()) or 1.0)
    encoder = datasets.fit_encoder(table, train)
    used = [column.name for column in table.columns]
    rows = QueryRows(encoder.transform(table.frame), y, table.ids, table.frame[used])
    trained = rows.take(train)
    problem = learner.fit(trained.X, trained.y, trained.ids)
    notes: tuple[str, ...] = ()
    if len(query) == 1 and query[0] != "wrong" and is_file(query[0]):
        frame, has_target = datasets.read_rows(query[0], table)
        X = encoder.transform(frame)
        if has_target:
            asked = QueryRows(X, datasets.encode_target(table, frame), frame.index.to_numpy().astype(str), frame[used])
        else:
            asked, problem, notes = unlabelled(problem, learner, X, frame[used])
    elif query == ["wrong"]:
        asked, notes = hardest(problem, learner, rows.take(held))
    else:
        asked = named(rows, query)
        known = sorted(set(asked.ids.tolist()) & set(trained.ids.tolist()), key=str)
        notes = (f"Row {known[0]!s} is among the training rows; its own score is its self-influence.",) if known else ()
    case = _case(table.name, learner, problem, trained, rows.take(held), asked, table.target, (*table.notes, *notes))
    return replace(case, scales=encoder.scales)


def _case(
    name: str, learner: Learner, problem: Problem, train: QueryRows, held: QueryRows, asked: QueryRows, target: str, notes: tuple[str, ...]
) -> ExplainedCase:  # fmt: skip
    with torch.no_grad():
        outputs = problem.outputs(asked.X)
        held_out = learner.held_out(problem.outputs(held.X), held.y)
    predicted, words = learner.answers(outputs)
    truths = learner.truth(asked.y)
    answers = {}
    for place, key in enumerate(asked.ids.tolist()):
        right = bool(predicted[place] == asked.y[place]) if learner.classes and asked.labelled else None
        answers[key] = Answer(words[place], truths[place] if asked.labelled else None, right)
    queries = Examples.of((asked.X, learner.targets(asked.y)), ids=asked.ids)
    settings = {"model": learner.describe, "penalty": f"l2 {learner.l2:g} on every parameter", "held out": f"{len(held.ids)} rows"}
    views = train.view(learner, target), asked.view(learner, target)
    return ExplainedCase(name, problem, queries, answers, *views, trainers.newton(), settings, held_out, notes)
