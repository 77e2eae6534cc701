"""Inner products of projected gradients beside the exact ones: wherefrom's tensor sketch, and two small matrices for each layer.

The four models of four_models.py, trained on the images, at their checkpoint; gradients of 1,000 MNIST images with those of 50
queries, in `--dimension` numbers (1000). Two small matrices give P G Qᵀ for each layer's gradient G (rows × columns), with random
signs in P and Q; the numbers are shared out equally among the layers, and a side that is no longer than its share stays as it is.
For each of `--draws` (8) the correlation with the exact products, per query; the mean difference from them, in standard errors over
the draws, tells a bias. Bars for wherefrom's: correlations of 0.98, the bound that docs/methods/tracin.md states, and a mean difference
within 4 standard errors. Writes projection.json and projection.png. `--quick` takes 200 images of 7 × 7 pixels, 5 queries, 20 numbers.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from four_models import Task, seconds, tasks
from torch import Tensor

import wherefrom as wf
from wherefrom.gradients import Gradients, Rows

SKETCH, MATRICES = "tensor sketch (wherefrom)", "two small matrices"
CLOSE, UNBIASED = 0.98, 4.0
MET = {True: "met", False: "MISSED", None: "open"}
Project = Callable[[Rows], Tensor]


@dataclass(frozen=True, eq=False)
class Result:
    """Over the draws: correlation with the exact products (mean over queries), mean difference from them, seconds of both sides' projection."""

    model: str
    way: str
    correlations: list[float]
    differences: list[float]
    seconds: list[float]

    @property
    def bias(self) -> float:
        """The mean difference in its standard errors."""
        return mean(self.differences) / (stdev(self.differences) / len(self.differences) ** 0.5)

    def row(self) -> dict[str, Any]:
        return {**vars(self), "correlation": mean(self.correlations), "least": min(self.correlations), "bias": self.bias}


def sketch(gradients: Gradients, dimension: int, seed: int) -> Project:
    projector = wf.gradients.Projection(dimension, seed).of(gradients.layout)
    return lambda rows: projector(rows).flat()


def matrices(gradients: Gradients, dimension: int, seed: int) -> Project:
    """P G Qᵀ of each layer, flattened, one layer after the other."""
    random = torch.Generator().manual_seed(seed)
    share = max(1, int((dimension / len(gradients.layout.blocks)) ** 0.5))

    def side(size: int, few: int) -> Tensor:
        signs = 2.0 * torch.randint(2, (few, size), generator=random) - 1
        return torch.eye(size) if size <= few else signs / few**0.5

    sides = []
    for shape in gradients.layout.blocks:
        o, i = shape.rows, sum(shape.columns)
        # what a short side leaves of its share goes to the other
        sides.append((side(o, share**2 // min(i, share)), side(i, share**2 // min(o, share))))
    return lambda rows: torch.cat([(p @ block.dense() @ q.T).flatten(1) for (p, q), block in zip(sides, rows.blocks, strict=True)], 1)


WAYS = {SKETCH: sketch, MATRICES: matrices}


def measured(task: Task, dimension: int, draws: int) -> list[Result]:
    """Both ways on one model, the same gradients for every draw."""
    problem, asked = task.problem(len(task.train[1])), wf.Problem.of(task.fresh(), wf.cross_entropy(), task.queries)
    gradients = Gradients(problem)
    train = [gradients.losses(batch) for batch in problem.batches(size=100)]
    (queries,) = [Gradients(asked, gradients.coverage).losses(batch) for batch in asked.batches(size=len(asked))]
    exact = torch.cat([queries.dot(rows) for rows in train], 1)
    found = []
    for way, made in WAYS.items():
        kept: list[list[float]] = [[], [], []]
        for draw in range(draws):
            project = made(gradients, dimension, draw)
            spent, (few, many) = seconds(lambda project=project: (project(queries), [project(rows) for rows in train]))
            products = few @ torch.cat(many).T
            correlation = np.mean([np.corrcoef(mine, true)[0, 1] for mine, true in zip(products, exact, strict=True)])
            for values, value in zip(kept, (float(correlation), float((products - exact).mean()), spent), strict=True):
                values.append(value)
        found.append(Result(task.name, way, *kept))
    return found


def checks(results: list[Result], quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar of wherefrom's projection; None for the correlations of the quick form, whose dimension is not the one asked about."""
    found = {}
    for result in results:
        if result.way == SKETCH:
            correlation, bias = mean(result.correlations), abs(result.bias)
            met = None if quick else correlation >= CLOSE
            found[f"{result.model}: correlation with the exact products"] = {"found": correlation, "at least": CLOSE, "met": met}
            found[f"{result.model}: bias in standard errors"] = {"found": bias, "at most": UNBIASED, "met": bias <= UNBIASED}
    return found


def chart(results: list[Result], dimension: int) -> alt.TopLevelMixin:
    """The correlation of every draw, one row per model and a colour per way."""
    rows = [{"model": r.model, "way": r.way, "correlation": value} for r in results for value in r.correlations]
    colour = alt.Color("way:N", scale=alt.Scale(domain=list(WAYS), range=["#2f6fb0", "#c99a2e"]), legend=alt.Legend(title=None, orient="top"))
    x = alt.X("correlation:Q", scale=alt.Scale(zero=False), title="correlation with the exact products, mean over queries; a point for each draw")
    y = alt.Y("model:N", sort=[r.model for r in results], title=None)
    title = f"Inner products of gradients projected to {dimension} numbers"
    picture = alt.Chart(pd.DataFrame(rows)).mark_circle(size=70, opacity=0.7)
    return picture.encode(x=x, y=y, yOffset="way:N", color=colour).properties(width=460, height=220, title=title)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--dimension", type=int, help="1000, and 20 with --quick")
    arguments.add_argument("--draws", type=int, default=8)
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    load, quick = os.getloadavg()[0], settings.quick
    images, queries, dimension = (200, 5, 20) if quick else (1000, 50, 1000)
    dimension = settings.dimension or dimension
    results = [result for task in tasks(images, queries, 1, quick) for result in measured(task, dimension, settings.draws)]
    table = pd.DataFrame([{**r.row(), "seconds": mean(r.seconds)} for r in results])
    print(table[["model", "way", "correlation", "least", "bias", "seconds"]].to_string(index=False, float_format="{:.3g}".format), "\n")
    bars = checks(results, quick)
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        print(f"{MET[bar['met']]:6} {name}: {bar['found']:.3g}, {side} {bar[side]:g}")
    facts = {
        "quick": quick, "images": images, "queries": queries, "dimension": dimension, "draws": settings.draws,
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__,
    }  # fmt: skip
    print("\n" + ", ".join(f"{name}: {facts[name]}" for name in ("images", "queries", "dimension", "draws", "machine")))
    settings.out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "results": [r.row() for r in results], "bars": bars}
    (settings.out / "projection.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(results, dimension), settings.out / "projection.png")


if __name__ == "__main__":
    main()
