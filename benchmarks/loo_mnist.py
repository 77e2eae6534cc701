"""Influence against true leave-one-out: softmax regression on 5,000 MNIST images, eight other digits, three of them with high loss.

The images are the first half of MNIST's test set and the digits come from its second half; `--split train` takes both
from the training set, whose images are harder.
For each digit: its 100 most influential training images and 100 random ones, predicted and truly retrained changes of its
loss. Influence comes in three forms: linear, by the exact inverse; with leverage; and linear by LiSSA, the mean of 10 runs of 5,000
steps on one image each (batch size 1, as Koh & Liang 2017), at the scale that it finds, a matter of minutes.
Bars for the correlation r of each form, its median over digits and the least, and for the slope of the exact ones.
Writes loo_mnist.json and loo_mnist.png. `--quick` takes 500 images of 7 × 7 pixels, 20 + 20 points and 5 runs of 2,000 steps.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from four_models import seconds

import wherefrom as wf

LISSA = "linear, LiSSA"
BARS = {
    "linear": {"slope from": 0.86, "slope to": 1.0, "median r": 0.999, "least r": 0.997},
    "leverage": {"slope from": 0.98, "slope to": 1.02, "median r": 0.9999, "least r": 0.9997},
    LISSA: {"least r": 0.98},
}
MET = {True: "met", False: "MISSED", None: "open"}


def softmax_regression(images: int, split: str, quick: bool) -> tuple[wf.Problem, torch.Tensor, torch.Tensor]:
    """A trained problem in float64, and 5,000 other images with their digits."""
    data = wf.datasets.mnist(split, limit=10_000)
    X, y = (torch.nn.functional.avg_pool2d(data.X, 4) if quick else data.X).flatten(1).double(), data.y
    model = torch.nn.Linear(X.shape[1], 10, dtype=torch.float64).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    problem = wf.Problem.of(model, wf.cross_entropy(l2=0.01), (X[:images], y[:images]))
    return problem.at(wf.train.newton(1e-10)(problem, 0).parameters), X[5000:], y[5000:]


def chosen_queries(problem: wf.Problem, X: torch.Tensor, y: torch.Tensor) -> wf.Examples:
    """Three digits of high loss and the first five."""
    losses = torch.nn.functional.cross_entropy(problem.outputs(X), y, reduction="none")
    places = torch.cat([losses.argsort(descending=True)[[0, 10, 50]], torch.arange(5)])
    return wf.Examples.of((X[places], y[places]), ids=5000 + places.numpy())


def compared(scores: wf.Scores, truth: wf.retraining.Outcomes, points: np.ndarray, top: np.ndarray, query: int) -> dict[str, float]:
    """The figures of one query over its own points; signs over its most influential ones."""

    def part(ids: np.ndarray) -> wf.metrics.LooCorrelation:
        columns = [list(truth.groups).index(str(key)) for key in ids]
        groups = {str(key): [key] for key in ids}
        smaller = wf.retraining.Outcomes(truth.values[:, :, columns], truth.baseline, groups, truth.query_ids, truth.sign, truth.unit)
        return wf.loo_correlation(scores, smaller, queries=query)

    found = {estimate.name: estimate.value for estimate in part(points).estimates()}
    return {**found, "sign agreement": part(top).sign.value}


class Clock:
    """Seconds of each stage, by its name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        spent, found = seconds(work)
        self.seconds[name] = round(spent, 2)
        return found


def predicted(
    problem: wf.Problem, queries: wf.Examples, lissa: wf.LiSSA, count: int, clock: Clock
) -> tuple[dict[str, wf.Scores], np.ndarray, np.ndarray]:
    """The scores of each form, each query's most influential images, and random ones."""
    ihvp = clock.timed("curvature and Cholesky", lambda: wf.IHVP(wf.Hessian(), wf.Exact()).fit(problem))
    found = {"linear": clock.timed("influence, all images", lambda: wf.attribute(wf.InfluenceFunction(ihvp), problem, queries, progress=False))}
    tops = found["linear"].top(count, by="magnitude").ids
    random = np.random.default_rng(0).choice(problem.ids, count, replace=False)
    ids, method = np.unique(np.concatenate([tops.ravel(), random])), wf.InfluenceFunction(ihvp, leverage=True)
    found["leverage"] = clock.timed(f"leverage, {len(ids)} images", lambda: wf.attribute(method, problem, queries, ids=ids, progress=False))
    noisy = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), lissa))
    found[LISSA] = clock.timed("LiSSA, all images", lambda: wf.attribute(noisy, problem, queries, progress=False))
    return found, tops, random


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--split", choices=["test", "train"], default="test")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    load, clock, quick = os.getloadavg()[0], Clock(), settings.quick
    images, count = (500, 20) if quick else (5000, 100)
    lissa = wf.LiSSA(depth=2000, repeats=5, batch_size=1) if quick else wf.LiSSA(depth=5000, repeats=10, batch_size=1)
    problem, X, y = clock.timed("training", lambda: softmax_regression(images, settings.split, quick))
    queries = chosen_queries(problem, X, y)
    scores, tops, random = predicted(problem, queries, lissa, count, clock)
    for ids in (np.unique(np.concatenate([tops[0], random])), np.unique(np.concatenate([tops.ravel(), random]))):
        refits = partial(wf.leave_one_out, problem, ids, queries, wf.train.newton(1e-10), progress=False)
        truth = clock.timed(f"{len(ids)} refits", refits)
    rows = []
    for position, query in enumerate(queries.ids.tolist()):
        points = np.unique(np.concatenate([tops[position], random]))
        for form, values in scores.items():
            found = compared(values, truth, points, tops[position], query)
            rows.append({"query": query, "loss": float(truth.baseline[0, position]), "form": form, **found})
    facts = {
        "quick": quick, "split": settings.split, "images": images, "LiSSA": {"depth": lissa.depth, "repeats": lissa.repeats, "batch size": 1},
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__,
        "seconds": clock.seconds,
    }  # fmt: skip
    report(pd.DataFrame(rows), facts, settings.out)
    picture = wf.plot.scatter(predicted=scores["leverage"].select(ids), actual=truth.change, query_ids=queries.ids, train_ids=ids)
    wf.plot.save(picture, settings.out / "loo_mnist.png")


def checks(form: str, figures: dict[str, float], quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar of a form: what was found, what is asked, and whether it is met; None for the quick form."""
    found = {}
    for name, bar in BARS[form].items():
        side = "at most" if name == "slope to" else "at least"
        met = figures[name] <= bar if name == "slope to" else figures[name] >= bar
        found[f"{form}, {name}"] = {"found": figures[name], side: bar, "met": None if quick else bool(met)}
    return found


def report(table: pd.DataFrame, facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers."""
    print(table.round(5).to_string(index=False))
    summary, bars = {}, {}
    for form, rows in table.groupby("form", sort=False):
        figures = {"median r": rows["pearson"].median(), "least r": rows["pearson"].min(), "least spearman": rows["spearman"].min()}
        figures |= {"least sign agreement (top)": rows["sign agreement"].min(), "slope from": rows["slope"].min(), "slope to": rows["slope"].max()}
        summary[str(form)] = figures
        print(f"\n{form}: " + ", ".join(f"{name} {value:.5f}" for name, value in figures.items()))
        for name, bar in checks(str(form), figures, facts["quick"]).items():
            side = "at most" if "at most" in bar else "at least"
            print(f"{MET[bar['met']]:6} {name}: {bar['found']:.5f}, {side} {bar[side]:g}")
            bars[name] = bar
    print("\n" + ", ".join(f"{name}: {facts[name]}" for name in ("seconds", "machine", "threads", "load average", "torch")))
    out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "queries": table.to_dict("records"), "summary": summary, "bars": bars}
    (out / "loo_mnist.json").write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
