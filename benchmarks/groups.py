"""Predicted against retrained effects of leaving groups out: first order, second order and one Newton step.

Two data sets: breast cancer (scikit-learn's; 450 rows to train on, standardised; logistic regression), and the first 1,000 MNIST test images of
7 × 7 pixels (averages of 4 × 4; softmax regression), both with l2 0.01, trained by Newton's method. Queries: the ten examples with the highest loss
among those not trained on (119 rows; the next 200 images), the predictions that one asks about. N stays.

Six kinds of groups (Koh, Ang, Teo & Liang 2019), `--groups` (40) of each, from 0.25 % to 25 % of the training set: random; random within one class
(up to half of the smallest class); a window of neighbours in one feature; clusters on features and clusters on gradients (nodes of Ward's tree, the
nearest in size); and draws from either tail of influence on all ten queries (from the first 37.5 %). Then coherent groups of exactly 20 % and 40 %
(Basu, You & Feizi 2020): all but random, and the clusters are what lies nearest to an example, by features and by the angle between gradients.

A correlation is Spearman's over the groups of a kind, the mean over the queries; an error is ‖Δθ - true Δθ‖ / ‖true Δθ‖, the median over groups.
Truth: training again without each group, to a gradient norm of 1e-9. Bars: first order at least 0.90 and Newton at least 0.96 for each kind, Newton
at least first, its median error at most half; for coherent groups the second order at least the first for each kind, 0.015 better in the mean, its
median error at most half. Writes groups.json and groups.png: the effects on the query with the highest loss. `--quick` takes 6 groups of a kind
and 200 images.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from scipy.cluster.hierarchy import linkage
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom.gradients import Gradients

LEAST, MOST, COHERENT, QUERIES, L2 = 0.0025, 0.25, (0.2, 0.4), 10, 0.01
TOLERANCE = 1e-12  # of the gradient norm: some groups have effects of 1e-8
ORDERS = {"first": 1, "second": 2, "Newton": "newton"}
RANDOM, CLASS, WINDOW, FEATURES, GRADIENTS, TAILS = (
    "random",
    "one class",
    "window of a feature",
    "cluster on features",
    "cluster on gradients",
    "tails",
)
KINDS = (RANDOM, CLASS, WINDOW, FEATURES, GRADIENTS, TAILS)
MET = {True: "met", False: "MISSED", None: "open"}
Groups = dict[str, list[int]]


@dataclass(frozen=True, eq=False)
class Task:
    """A trained problem, its queries in order of loss, and what groups are drawn by."""

    name: str
    problem: wf.Problem
    queries: tuple[Tensor, Tensor]
    X: np.ndarray
    labels: np.ndarray
    gradients: np.ndarray
    influence: np.ndarray  # of each training example on all queries
    ihvp: wf.solvers.FittedIHVP

    @classmethod
    def of(cls, name: str, model: nn.Module, objective: wf.Objective, X: Tensor, y: Tensor, trained_on: int) -> "Task":
        problem = wf.Problem.of(model.double().eval(), objective, (X[:trained_on], y[:trained_on]))
        problem = problem.at(wf.train.newton(TOLERANCE)(problem, 0).parameters)
        losses = objective.loss(problem.outputs(X[trained_on:]), y[trained_on:])
        asked = trained_on + losses.argsort(descending=True, stable=True)[:QUERIES]
        queries, ihvp, gradients = (X[asked], y[asked]), wf.IHVP(wf.Hessian(), wf.Exact()).fit(problem), Gradients(problem)
        rows = torch.cat([gradients.losses(batch).flat() for batch in problem.batches()])
        influence = wf.attribute(wf.InfluenceFunction(ihvp), problem, queries, aggregate=True, progress=False).values[0]
        plain = X[:trained_on].numpy(), y[:trained_on].numpy(), rows.numpy(), influence.numpy()
        return cls(name, problem, queries, *plain, ihvp)


class Kept:
    """Newton's method; ``runs`` are what it trained last."""

    def __init__(self) -> None:
        self.newton, self.runs = wf.train.newton(TOLERANCE), []

    def __call__(self, problem: wf.Problem, seed: int) -> wf.retraining.Run:
        return self.newton(problem, seed)

    def without(
        self, problem: wf.Problem, groups: Sequence[Any], *, seed: int = 0, normalise: bool = False, progress: bool = True
    ) -> list[wf.retraining.Run]:  # fmt: skip
        self.runs = self.newton.without(problem, groups, seed=seed, normalise=normalise, progress=progress)
        return self.runs


def breast_cancer() -> Task:
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    X = (X - X[:450].mean(0)) / X[:450].std(0)
    return Task.of("breast cancer", nn.Linear(30, 1), wf.binary_cross_entropy(l2=L2), torch.from_numpy(X), torch.from_numpy(y).double(), 450)


def mnist(images: int) -> Task:
    data = wf.datasets.mnist("test", limit=images + images // 5)
    X = avg_pool2d(data.X, 4).flatten(1).double()
    return Task.of("MNIST", nn.Linear(49, 10), wf.cross_entropy(l2=L2), X, data.y, images)


def groups_of_all_sizes(task: Task, count: int, random: np.random.Generator) -> dict[str, Groups]:
    """Six kinds of groups, sizes evenly spaced."""
    n, features, gradients = len(task.problem), tree(task.X), tree(task.gradients)
    sizes = np.linspace(max(1, LEAST * n), MOST * n, count).round().astype(int).tolist()
    small = np.linspace(max(1, LEAST * n), min(MOST * n, np.unique(task.labels, return_counts=True)[1].min() / 2), count).round().astype(int).tolist()
    drawn = {
        RANDOM: [random.choice(n, size, replace=False) for size in sizes],
        CLASS: [one_class(task, size, random) for size in small],
        WINDOW: [window(task, size, random) for size in sizes],
        FEATURES: [nearest_in_size(features, size) for size in sizes],
        GRADIENTS: [nearest_in_size(gradients, size) for size in sizes],
        TAILS: [tail(task, size, round(1.5 * MOST * n), number, random) for number, size in enumerate(sizes)],
    }
    return {kind: named(kind, groups) for kind, groups in drawn.items()}


def coherent_groups(task: Task, share: float, count: int, random: np.random.Generator) -> dict[str, Groups]:
    """Kinds of groups of one size whose members are alike."""
    size = round(share * len(task.problem))
    unit = task.gradients / np.linalg.norm(task.gradients, axis=1, keepdims=True)
    centres = random.choice(len(task.problem), (2, count))
    drawn = {
        WINDOW: [window(task, size, random) for _ in range(count)],
        FEATURES: [np.square(task.X - task.X[centre]).sum(1).argsort(kind="stable")[:size] for centre in centres[0]],
        GRADIENTS: [(-unit @ unit[centre]).argsort(kind="stable")[:size] for centre in centres[1]],
        TAILS: [tail(task, size, round(1.5 * size), number, random) for number in range(count)],
    }
    if np.unique(task.labels, return_counts=True)[1].max() > size:
        drawn[CLASS] = [one_class(task, size, random) for _ in range(count)]
    return {kind: named(kind, groups) for kind, groups in drawn.items()}


def named(kind: str, groups: list[np.ndarray]) -> Groups:
    return {f"{kind} {number}": group.tolist() for number, group in enumerate(groups)}


def one_class(task: Task, size: int, random: np.random.Generator) -> np.ndarray:
    classes, counts = np.unique(task.labels, return_counts=True)
    return random.choice(np.flatnonzero(task.labels == random.choice(classes[counts >= size])), size, replace=False)


def window(task: Task, size: int, random: np.random.Generator) -> np.ndarray:
    """Neighbours in the order of one feature, equal values in random order."""
    feature = task.X[:, random.choice(np.flatnonzero(task.X.std(0) > 0))]
    start = random.integers(len(feature) - size + 1)
    return np.lexsort((random.random(len(feature)), feature))[start : start + size]


def tail(task: Task, size: int, among: int, number: int, random: np.random.Generator) -> np.ndarray:
    """From the most positive influences and the most negative in turn."""
    order = task.influence.argsort(kind="stable")
    return random.choice((order if number % 2 else order[::-1])[:among], size, replace=False)


def tree(X: np.ndarray) -> list[list[int]]:
    """The members of each node of Ward's tree that is not too large; a node is taken once."""
    nodes = [[row] for row in range(len(X))]
    for left, right, *_ in linkage(X, "ward"):
        nodes.append(nodes[int(left)] + nodes[int(right)])
    return [node for node in nodes if len(node) <= MOST * len(X)]


def nearest_in_size(nodes: list[list[int]], size: int) -> np.ndarray:
    place = min(range(len(nodes)), key=lambda number: abs(len(nodes[number]) - size))
    return np.sort(nodes.pop(place))


def compared(
    task: Task, kinds: Mapping[str, Groups], orders: Sequence[str], share: float | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """For each kind and order the correlation and every group's error; and the pairs to draw."""
    rows, pairs, start = [], [], task.problem.flatten(task.problem.parameters)
    for kind, groups in kinds.items():
        train = Kept()
        actual = wf.retrain_without(task.problem, groups, task.queries, train, progress=False).change.numpy()
        true = torch.stack([task.problem.flatten(run.parameters) for run in train.runs]) - start
        for name in orders:
            order: Any = ORDERS[name]
            scores = wf.methods.group_influence(task.problem, task.queries, groups, task.ihvp, order, progress=False).values.numpy()
            change = wf.methods.parameter_change(task.problem, groups, task.ihvp, order=order, progress=False).values
            errors = ((change - true).norm(dim=1) / true.norm(dim=1)).tolist()
            spearman = float(np.mean([spearmanr(x, y)[0] for x, y in zip(scores, actual, strict=True)]))
            about = {"data": task.name, "kind": kind, "order": name}
            rows.append({**about, "share": share, "spearman": spearman, "errors": errors})
            pairs += [{**about, "actual": x, "predicted": y} for x, y in zip(actual[0].tolist(), scores[0].tolist(), strict=True)]
    return rows, pairs


def bars_of(rows: pd.DataFrame, better: str, floors: Mapping[str, float], gain: float | None) -> list[tuple[str, float, str, float]]:
    """(what, found, side, bar) of one data set: how the first order and a better one fare over all kinds."""
    table = rows.pivot_table("spearman", ["share", "kind"], "order", dropna=False)
    table = table.dropna()
    ahead = table[better] - table["first"]
    medians = rows.groupby("order")["errors"].apply(lambda lists: float(np.median(np.concatenate(list(lists)))))
    found = [(f"{name}: least Spearman of a kind", float(table[name].min()), "at least", floor) for name, floor in floors.items()]
    found.append((f"{better} less first, least of a kind", float(ahead.min()), "at least", 0.0))
    if gain is not None:
        found.append((f"{better} less first, mean over kinds", float(ahead.mean()), "at least", gain))
    found.append((f"{better}: median error over that of first", medians[better] / medians["first"], "at most", 0.5))
    return found


def chart(pairs: pd.DataFrame) -> alt.TopLevelMixin:
    """Predicted against actual, a panel for each kind, a row for each data set; the line is y = x."""
    colours = alt.Scale(domain=["first", "Newton"], range=["#c99a2e", "#2f6fb0"])

    def panel(data: str, kind: str, first: bool) -> alt.LayerChart:
        shown = pairs.query("data == @data and kind == @kind and order != 'second'")
        ends = [float(shown[["actual", "predicted"]].min().min()), float(shown[["actual", "predicted"]].max().max())]
        axis, scale = alt.Axis(format="~g", tickCount=3), alt.Scale(domain=ends, nice=True)
        line = alt.Chart(alt.InlineData(values=[{"x": end} for end in ends])).mark_line(color="#8a8f98", strokeDash=[5, 4]).encode(x="x:Q", y="x:Q")
        points = alt.Chart(alt.InlineData(values=shown.to_dict("records"))).mark_circle(size=30, opacity=0.7).encode(
            x=alt.X("actual:Q", scale=scale, axis=axis, title="retrained"),
            y=alt.Y("predicted:Q", scale=scale, axis=axis, title=f"{data}: predicted" if first else None),
            color=alt.Color("order:N", scale=colours, title=None, legend=alt.Legend(orient="top")),
        )  # fmt: skip
        return alt.layer(line, points).properties(width=150, height=150, title=kind)

    rows = [alt.hconcat(*(panel(data, kind, kind == KINDS[0]) for kind in KINDS)) for data in pairs["data"].unique()]
    return alt.vconcat(*rows).properties(title="Rise of the loss of the query with the highest loss when a group is left out")


def report(sizes: pd.DataFrame, coherent: pd.DataFrame, pairs: pd.DataFrame, facts: dict[str, Any], out: Path) -> None:
    """Print the tables and the bars, and keep the numbers and the chart."""
    bars = []
    for title, rows, better, floors, gain in (
        ("0.25 % to 25 %", sizes, "Newton", {"first": 0.90, "Newton": 0.96}, None), ("coherent, 20 % and 40 %", coherent, "second", {}, 0.015),
    ):  # fmt: skip
        shown = rows.assign(error=rows["errors"].map(np.median), share=rows["share"].astype(float).fillna(0.0))
        table = shown.pivot_table(["spearman", "error"], ["data", "share", "kind"], "order", sort=False)
        print(f"{title}\n{table.to_string(float_format='{:.3f}'.format)}\n")
        for data, own in shown.groupby("data", sort=False):
            bars += [(f"{title}, {data}: {what}", value, side, bar) for what, value, side, bar in bars_of(own, better, floors, gain)]
    for name, value, side, bar in bars:
        met = None if facts["quick"] else bool(value >= bar if side == "at least" else value <= bar)
        print(f"{MET[met]:6} {name}: {value:.3f}, {side} {bar:g}")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    out.mkdir(parents=True, exist_ok=True)
    kept = {name: rows.astype(object).where(rows.notna(), None).to_dict("records") for name, rows in (("sizes", sizes), ("coherent", coherent))}
    named_bars = {name: {"found": value, side: bar} for name, value, side, bar in bars}
    (out / "groups.json").write_text(json.dumps({**facts, **kept, "bars": named_bars}, indent=1))
    wf.plot.save(chart(pairs), out / "groups.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--groups", type=int, help="of each kind: 40, and 6 with --quick")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    count, load, start = settings.groups or (6 if settings.quick else 40), os.getloadavg()[0], time.perf_counter()
    tasks: list[Callable[[], Task]] = [breast_cancer, lambda: mnist(200 if settings.quick else 1000)]
    sizes, coherent, pairs = [], [], []
    for build in tasks:
        task, random = build(), np.random.default_rng(0)
        rows, drawn = compared(task, groups_of_all_sizes(task, count, random), list(ORDERS))
        sizes, pairs = sizes + rows, pairs + drawn
        for share in COHERENT:
            coherent += compared(task, coherent_groups(task, share, count, random), ["first", "second"], share)[0]
    facts = {
        "quick": settings.quick, "groups": count, "queries": QUERIES, "l2": L2, "seconds": round(time.perf_counter() - start, 1), "load": load,
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(),
    }  # fmt: skip
    report(pd.DataFrame(sizes), pd.DataFrame(coherent), pd.DataFrame(pairs), facts, settings.out)


if __name__ == "__main__":
    main()
