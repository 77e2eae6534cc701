"""A table, or data that come with scikit-learn, as a case: split, encoded, trained, and asked about."""

from dataclasses import replace
from pathlib import Path

import torch

from wherefrom import datasets
from wherefrom.cli.case import Answer, ExplainedCase
from wherefrom.cli.encoded_table import encode_table
from wherefrom.cli.query_rows import QueryRows, hardest_rows, is_file, rows_named, rows_without_target
from wherefrom.cli.training import Learner
from wherefrom.data.examples import Examples
from wherefrom.problem import Problem
from wherefrom.retraining import train as trainers


def table_case(
    path: Path, target: str, query: list[str], model: str, seed: int, l2: float, id_column: str | None, task: str | None
) -> ExplainedCase:  # fmt: skip
    """A person's table."""
    return _explain_table(datasets.read_table(path, target, id=id_column, task=task), query, Learner((), model, l2, seed))


def bundled_case(name: str, model: str, seed: int, l2: float) -> ExplainedCase:
    """Data that come with scikit-learn."""
    data, learner = datasets.bundled(name), Learner((), model, l2, seed)
    if isinstance(data, datasets.Table):
        return _explain_table(data, ["wrong"], learner)
    learner = replace(learner, classes=data.classes)
    rows = QueryRows(data.X.double(), data.y, data.ids, images=data.X)
    train, held = (rows.take(positions) for positions in datasets.split(len(rows.ids), seed=seed, stratify=rows.y.numpy()))
    problem = learner.fit(train.X, train.y, train.ids)
    queries, notes = hardest_rows(problem, learner, held)
    return _case(name, learner, problem, train, held, queries, "digit", notes)


def _explain_table(table: datasets.Table, query: list[str], learner: Learner) -> ExplainedCase:
    encoded = encode_table(table, learner, datasets.split)
    (train, held), learner, encoder = encoded.parts, encoded.learner, encoded.encoder
    used = [column.name for column in table.columns]
    rows = QueryRows(encoded.X, encoded.y, table.ids, table.frame[used])
    trained = rows.take(train)
    problem = learner.fit(trained.X, trained.y, trained.ids)
    notes: tuple[str, ...] = ()
    if len(query) == 1 and query[0] != "wrong" and is_file(query[0]):
        frame, has_target = datasets.read_rows(query[0], table)
        X = encoder.transform(frame)
        if has_target:
            asked = QueryRows(X, datasets.encode_target(table, frame), frame.index.to_numpy().astype(str), frame[used])
        else:
            asked, problem, notes = rows_without_target(problem, learner, X, frame[used])
    elif query == ["wrong"]:
        asked, notes = hardest_rows(problem, learner, rows.take(held))
    else:
        asked = rows_named(rows, query)
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
