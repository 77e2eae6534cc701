"""Influence against true leave-one-out: softmax regression on 5,000 MNIST images, eight other digits, three of them with high loss.

The images are the first half of MNIST's test set and the digits come from its second half; `--split train` takes both
from the training set, whose images are harder.
For each digit: its 100 most influential training images and 100 random ones, predicted and truly retrained changes of its
loss. Writes loo_mnist.json and loo_mnist.png. `--quick` takes 500 images of 7 × 7 pixels and 20 + 20 points.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import whence as wh

BARS = {
    "linear": {"slope": (0.86, 1.0), "median r": 0.999, "least r": 0.997},
    "leverage": {"slope": (0.98, 1.02), "median r": 0.9999, "least r": 0.9997},
}


def softmax_regression(images: int, split: str, quick: bool) -> tuple[wh.Problem, torch.Tensor, torch.Tensor]:
    """A trained problem in float64, and 5,000 other images with their digits."""
    data = wh.datasets.mnist(split, limit=10_000)
    X, y = (torch.nn.functional.avg_pool2d(data.X, 4) if quick else data.X).flatten(1).double(), data.y
    model = torch.nn.Linear(X.shape[1], 10, dtype=torch.float64).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    problem = wh.Problem.of(model, wh.cross_entropy(l2=0.01), (X[:images], y[:images]))
    return problem.at(wh.train.newton(1e-10)(problem, 0).parameters), X[5000:], y[5000:]


def chosen_queries(problem: wh.Problem, X: torch.Tensor, y: torch.Tensor) -> wh.Examples:
    """Three digits of high loss and the first five."""
    losses = torch.nn.functional.cross_entropy(problem.outputs(X), y, reduction="none")
    places = torch.cat([losses.argsort(descending=True)[[0, 10, 50]], torch.arange(5)])
    return wh.Examples.of((X[places], y[places]), ids=5000 + places.numpy())


def compared(scores: wh.Scores, truth: wh.Outcomes, points: np.ndarray, top: np.ndarray, query: int) -> dict[str, float]:
    """The figures of one query over its own points; signs over its most influential ones."""

    def part(ids: np.ndarray) -> wh.LooCorrelation:
        columns = [list(truth.groups).index(str(key)) for key in ids]
        groups = {str(key): [key] for key in ids}
        smaller = wh.Outcomes(truth.values[:, :, columns], truth.baseline, groups, truth.query_ids, truth.sign, truth.unit)
        return wh.loo_correlation(scores, smaller, queries=query)

    found = {estimate.name: estimate.value for estimate in part(points).estimates()}
    return {**found, "sign agreement": part(top).sign.value}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--split", choices=["test", "train"], default="test")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    images, count = (500, 20) if settings.quick else (5000, 100)
    seconds: dict[str, float] = {}

    def timed(name: str, start: float) -> None:
        seconds[name] = round(time.perf_counter() - start, 2)

    start = time.perf_counter()
    problem, X, y = softmax_regression(images, settings.split, settings.quick)
    queries = chosen_queries(problem, X, y)
    timed("training", start)
    start = time.perf_counter()
    ihvp = wh.IHVP(wh.Hessian(), wh.Exact()).fit(problem)
    timed("curvature and Cholesky", start)
    start = time.perf_counter()
    linear = wh.attribute(wh.InfluenceFunction(ihvp), problem, queries, progress=False)
    timed("influence, all images", start)
    tops = linear.top(count, by="magnitude").ids
    random = np.random.default_rng(0).choice(problem.ids, count, replace=False)
    ids = np.unique(np.concatenate([tops.ravel(), random]))
    start = time.perf_counter()
    leverage = wh.attribute(wh.InfluenceFunction(ihvp, leverage=True), problem, queries, ids=ids, progress=False)
    timed(f"leverage, {len(ids)} images", start)
    start = time.perf_counter()
    first = np.unique(np.concatenate([tops[0], random]))
    wh.leave_one_out(problem, first, queries, wh.train.newton(1e-10), progress=False)
    timed(f"{len(first)} refits", start)
    start = time.perf_counter()
    truth = wh.leave_one_out(problem, ids, queries, wh.train.newton(1e-10), progress=False)
    timed(f"{len(ids)} refits", start)
    rows = []
    for position, query in enumerate(queries.ids.tolist()):
        points = np.unique(np.concatenate([tops[position], random]))
        for name, scores in (("linear", linear), ("leverage", leverage)):
            rows.append(
                {"query": query, "loss": float(truth.baseline[0, position]), "form": name, **compared(scores, truth, points, tops[position], query)}
            )
    report(pd.DataFrame(rows), seconds, settings.out)
    wh.plot.save(
        wh.plot.scatter(predicted=leverage.select(ids), actual=truth.change, query_ids=queries.ids, train_ids=ids), settings.out / "loo_mnist.png"
    )


def report(table: pd.DataFrame, seconds: dict[str, float], out: Path) -> None:
    """Print the table and the bars, and keep the numbers."""
    print(table.round(5).to_string(index=False))
    summary = {}
    for form, rows in table.groupby("form", sort=False):
        bars = BARS[str(form)]
        figures = {"median r": rows["pearson"].median(), "least r": rows["pearson"].min(), "least spearman": rows["spearman"].min()}
        figures |= {"least sign agreement (top)": rows["sign agreement"].min(), "slope from": rows["slope"].min(), "slope to": rows["slope"].max()}
        summary[str(form)] = figures
        print(f"\n{form}: " + ", ".join(f"{name} {value:.5f}" for name, value in figures.items()))
        print(f"  bars: median r {bars['median r']}, least r {bars['least r']}, slope {bars['slope']}")
    print("\nseconds:", seconds, "on", platform.processor() or platform.machine(), f"{torch.get_num_threads()} threads")
    out.mkdir(parents=True, exist_ok=True)
    (out / "loo_mnist.json").write_text(json.dumps({"queries": table.to_dict("records"), "summary": summary, "seconds": seconds}, indent=1))


if __name__ == "__main__":
    main()
