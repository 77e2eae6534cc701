"""Whom each method names for digits that a softmax regression is asked about, what it costs, and how that goes with the number of images."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.relatif.lists import (
    DIVINE,
    METHODS,
    TOP,
    MethodLists,
    choose_diverse,
    cost_ratios,
    describe_chance,
    describe_lists,
    list_firsts,
)
from wherefrom_studies.relatif.softmax import CELLS, DECAYED, EPOCHS, RATE, SHOWN_DIGITS, SoftmaxRun, SoftmaxSize, size_of, train_softmax
from wherefrom_studies.study import Study

NULL = 1e-10  # of the largest eigenvalue


@dataclass(frozen=True, eq=False)
class DigitTables:
    """A row for each cell, seed, method and number of queries; and one for each number of images, seed and method."""

    size: SoftmaxSize
    lists: pd.DataFrame
    by_images: pd.DataFrame


def list_digits(study: Study) -> DigitTables:
    """Return both tables."""
    size = size_of(study)
    return DigitTables(size, list_cells(study, size), count_by_images(study, size))


def list_cells(study: Study, size: SoftmaxSize) -> pd.DataFrame:
    """Return the rows of every cell and seed."""
    cells = [(cell, seed) for cell in CELLS for seed in study.count(5, 2)]
    parts = []
    for cell, seed in wf.progress.track(cells, "softmax regressions", len(cells)):
        settings = {"cell": cell, "seed": seed, **size.settings(), "rate": RATE, "epochs": EPOCHS}
        parts.append(study.cache.rows("digits", settings, lambda cell=cell, seed=seed: list_cell(cell, seed, size)))
    return pd.concat(parts, ignore_index=True)


def list_cell(cell: str, seed: int, size: SoftmaxSize) -> list[dict[str, Any]]:
    """Return a row for each method, over all queries and over the fewer that DIVINE is asked about."""
    run = train_softmax(cell, seed, size)
    lists, fitted = list_firsts(run.ihvp, run.problem, run.queries, seed)
    eigenvalues = torch.linalg.eigvalsh(wf.GaussNewton().fit(run.problem).dense())
    facts = {
        "cell": cell, "seed": seed, "accuracy": run.accuracy, "damping": float(fitted.damping), "parameters": run.problem.size,
        "without curvature": int((eigenvalues < NULL * eigenvalues[-1]).sum()),
    }  # fmt: skip
    divine, seconds = choose_diverse(lists, run.X, size.fewer)
    ratios, rows = cost_ratios(lists.seconds), []
    for name, firsts in {**lists.firsts, DIVINE: divine}.items():
        for queries in {len(firsts), size.fewer}:
            chance = {f"chance, {figure}": value for figure, value in describe_chance(len(run.problem), queries, run.marks).items()}
            times = {"fit": lists.seconds["fit"], "seconds": seconds if name == DIVINE else lists.seconds.get(name), "cost": ratios.get(name)}
            shown = [int(run.problem.ids[place]) for place in firsts[: len(SHOWN_DIGITS), :3].ravel()]
            figures = describe_lists(firsts[:queries], run.marks)
            rows.append({**facts, "method": name, "queries": queries, **figures, **chance, **times, "shown": shown})
    return rows + ([{**facts, **row} for row in compare_ekfac(run, lists, size)] if cell == DECAYED else [])


def compare_ekfac(run: SoftmaxRun, lists: MethodLists, size: SoftmaxSize) -> list[dict[str, Any]]:
    """Return how far rankings by EK-FAC agree with those by the exact inverse, and EK-FAC's lists and times."""
    eigen, _ = list_firsts(wf.IHVP(wf.EKFAC(), wf.Eigen(), 0.0), run.problem, run.queries, 0)
    ratios, rows = cost_ratios(eigen.seconds), []
    for name in METHODS:
        pairs = [(lists.scores[name].values[row].numpy(), eigen.scores[name].values[row].numpy()) for row in range(size.fewer)]
        agreement = float(np.mean([wf.metrics.spearman(exact, approximate).value or 0.0 for exact, approximate in pairs]))
        shared = [len(set(exact) & set(other)) / TOP for exact, other in zip(lists.firsts[name], eigen.firsts[name], strict=True)]
        rows.append({
            "method": ekfac(name), "queries": len(run.queries), **describe_lists(eigen.firsts[name], run.marks), "fit": eigen.seconds["fit"],
            "seconds": eigen.seconds[name], "cost": ratios.get(name), "agreement": agreement, "shared with exact": float(np.mean(shared)),
        })  # fmt: skip
    return rows


def ekfac(method: str) -> str:
    """Return what a method is called by EK-FAC."""
    return f"{method}, EK-FAC"


def count_by_images(study: Study, size: SoftmaxSize) -> pd.DataFrame:
    """Return the rows of every number of images and seed."""
    cells = [(images, seed) for images in size.grown for seed in study.count(5, 2)]
    parts = []
    for images, seed in wf.progress.track(cells, "numbers of images", len(cells)):
        settings = {"images": images, "seed": seed, "queries": size.queries, "pool": size.pool, "rate": RATE, "epochs": EPOCHS}
        parts.append(study.cache.rows("grown", settings, lambda images=images, seed=seed: count_distinct(seed, images, size)))
    return pd.concat(parts, ignore_index=True)


def count_distinct(seed: int, images: int, size: SoftmaxSize) -> list[dict[str, Any]]:
    """Return how many examples each method names in the first place where there are so many to name, with weight decay."""
    run = train_softmax(DECAYED, seed, replace(size, images=images))
    lists, _ = list_firsts(run.ihvp, run.problem, run.queries, seed)
    return [{"images": images, "seed": seed, "method": name, "distinct first": len(np.unique(firsts[:, 0])) / len(firsts)}
            for name, firsts in lists.firsts.items()]  # fmt: skip
