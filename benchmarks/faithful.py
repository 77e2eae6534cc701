"""Influence against what it estimates, on a network: the proximal Bregman response, and leave-one-out training; and what each curvature costs.

An MLP 196-64-10 (tanh) on 1,000 MNIST images of 14 × 14 pixels, stopped after `--epochs` (10), so that it is at no minimum. For 30 training
images and ten others the true changes: the proximal Bregman response (`wf.retraining.pbrf`, damping 0.01, float64), and training again without
each image, from the model's own start in its own order, and from other starts in other orders, the mean over `--seeds` (4). For each pair of
curvature and solver, all with damping 0.01: the seconds to fit it and to score all images for the ten, the correlation of the 30 × 10 scores
with each truth, and the mean Spearman correlation of all scores with those of Gauss-Newton. Then RelatIF's seconds over influence's, for all
training images. Writes faithful.json and faithful.png. `--quick` takes 100 images of 7 × 7 pixels, six images, three others and one seed.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

import wherefrom as wf

DAMPING, HIDDEN, RATE, BATCH = 0.01, 64, 0.1, 50
TRUE = "GaussNewton, CG"
SAME, OTHER = "leave-one-out, same start", "leave-one-out, other starts"
BARS = {"PBRF": 0.95, "over": 0.3, "RelatIF": 2.0}
MET = {True: "met", False: "MISSED", None: "open"}


def pairs(quick: bool) -> dict[str, wf.IHVP]:
    """Every curvature with the solver that suits it."""
    depth, rank = (100, 20) if quick else (1000, 100)
    gauss_newton = wf.GaussNewton()
    return {
        TRUE: wf.IHVP(gauss_newton, wf.CG(tolerance=1e-5, preconditioner=wf.KFAC()), DAMPING),
        "GaussNewton, LiSSA": wf.IHVP(gauss_newton, wf.LiSSA(depth=depth, batch_size=64), DAMPING),
        "GaussNewton, Arnoldi": wf.IHVP(gauss_newton, wf.Arnoldi(iterations=rank), DAMPING),
        "GaussNewton, Arnoldi with complement": wf.IHVP(gauss_newton, wf.Arnoldi(iterations=rank, complement="damping"), DAMPING),
        "EKFAC, all outputs": wf.IHVP(wf.EKFAC(samples=None), wf.Eigen(), DAMPING),
        "EKFAC": wf.IHVP(wf.EKFAC(), wf.Eigen(), DAMPING),
        "KFAC": wf.IHVP(wf.KFAC(), wf.Eigen(), DAMPING),
        "Diagonal": wf.IHVP(wf.Diagonal(), wf.Eigen(), DAMPING),
        "Identity": wf.IHVP(wf.curvature.Identity(), wf.Eigen(), DAMPING),
    }


class Trainer:
    """Plain SGD from a start and in an order that the seed sets; what is left out is missing from its batches."""

    def __init__(self, model: nn.Module, epochs: int) -> None:
        self.model, self.epochs = model, epochs

    def __call__(self, problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
        random = torch.Generator().manual_seed(seed)
        state = {}
        for name, value in problem.parameters.items():
            state[name] = (torch.randn(value.shape, generator=random) / value.shape[-1] ** 0.5 * (value.dim() > 1)).requires_grad_()
        optimiser = torch.optim.SGD(list(state.values()), lr=RATE)
        data = next(problem.batches(size=len(problem)))
        place = {int(key): row for row, key in enumerate(data.ids)}
        for _ in range(self.epochs):
            for index in torch.randperm(int(problem.normaliser), generator=random).split(BATCH):
                rows = [place[key] for key in index.tolist() if key in place]
                loss = cross_entropy(torch.func.functional_call(self.model, state, data.inputs[rows]), data.targets[rows], reduction="sum") / len(
                    index
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return {name: value.detach() for name, value in state.items()}


def timed(settings: wf.IHVP, problem: wf.Problem, queries: Any) -> tuple[float, wf.Scores, wf.solvers.FittedIHVP]:
    start = time.perf_counter()
    fitted = settings.fit(problem)
    scores = wf.attribute(wf.InfluenceFunction(fitted), problem, queries, progress=False)
    return time.perf_counter() - start, scores, fitted


def rankings(left: Tensor, right: Tensor) -> float:
    """The mean over queries of the Spearman correlation of all scores."""
    return float(np.mean([spearmanr(mine, theirs).statistic for mine, theirs in zip(left, right, strict=True)]))


def relatif_ratio(ihvp: wf.solvers.FittedIHVP, problem: wf.Problem, queries: Any) -> float:
    """Seconds of RelatIF over those of influence, both fitted; the least of five each."""
    spent = []
    for method in (wf.RelatIF(ihvp), wf.InfluenceFunction(ihvp)):
        rounds = []
        for _ in range(5):
            start = time.perf_counter()
            wf.attribute(method, problem, queries, progress=False)
            rounds.append(time.perf_counter() - start)
        spent.append(min(rounds))
    return spent[0] / spent[1]


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """A row for each pair: its correlation with each truth, and its seconds."""
    pair = alt.Y("pair:N", sort=list(table["pair"]), title=None, axis=alt.Axis(labelLimit=240))
    long = table.melt(["pair", "seconds"], ["PBRF", SAME, OTHER], "truth", "correlation")
    colours = alt.Scale(domain=["PBRF", SAME, OTHER], range=["#2f6fb0", "#c99a2e", "#8a8a8a"])
    dots = alt.Chart(long).mark_point(filled=True, size=80, opacity=1)
    truths = dots.encode(
        x=alt.X("correlation:Q", title="Pearson with the true changes"),
        y=pair,
        color=alt.Color("truth:N", scale=colours, title=None, legend=alt.Legend(orient="top", labelLimit=240)),
        shape=alt.Shape("truth:N", legend=None),
    )
    label = table.assign(label=[f"{seconds:.2g} s" for seconds in table["seconds"]])
    base = alt.Chart(label).encode(x=alt.X("seconds:Q", scale=alt.Scale(type="log", padding=20), title="seconds, fit and scores"), y=pair)
    spent = base.mark_circle(size=80, opacity=1, color="#222222") + base.mark_text(align="left", dx=8).encode(text="label:N")
    return alt.hconcat(truths.properties(width=380), spent.properties(width=240).encode(y=alt.Y("pair:N", sort=list(table["pair"]), axis=None)))


def true_changes(
    problem: wf.Problem, queries: Any, ids: np.ndarray, train: Trainer, seeds: int
) -> tuple[dict[str, wf.retraining.Outcomes], dict[str, float]]:
    """Each truth by name, and its seconds."""
    work = {
        "PBRF": lambda: wf.retraining.pbrf(problem, {str(key): [key] for key in ids}, queries, damping=DAMPING),
        SAME: lambda: wf.leave_one_out(problem, ids, queries, train, seeds=[0]),
        OTHER: lambda: wf.leave_one_out(problem, ids, queries, train, seeds=range(1, 1 + seeds)),
    }
    truths, spent = {}, {}
    for name, retrained in work.items():
        start = time.perf_counter()
        truths[name] = retrained()
        spent[name] = time.perf_counter() - start
    return truths, spent


def compared(problem: wf.Problem, queries: Any, truths: Mapping[str, wf.retraining.Outcomes], quick: bool) -> tuple[pd.DataFrame, float]:
    """A row for each pair, and RelatIF's seconds over influence's."""
    rows, reference, ratio = [], None, 0.0
    for name, pair in pairs(quick).items():
        seconds, scores, fitted = timed(pair, problem, queries)
        reference = scores if reference is None else reference
        found = {truth: wf.loo_correlation(scores, outcomes).pearson.value for truth, outcomes in truths.items()}
        slope = wf.loo_correlation(scores, truths["PBRF"]).slope.value
        rows.append({"pair": name, "seconds": seconds, **found, "slope on PBRF": slope, "ranking": rankings(scores.values, reference.values)})
        if name == "EKFAC":
            ratio = relatif_ratio(fitted, problem, queries)
    return pd.DataFrame(rows), ratio


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--epochs", type=int, default=10)
    arguments.add_argument("--seeds", type=int, default=4, help="trainings from other starts for each image left out (4)")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    quick, load = settings.quick, os.getloadavg()[0]
    images, left_out, asked, seeds = (100, 6, 3, 1) if quick else (1000, 30, 10, settings.seeds)
    data = wf.datasets.mnist("test", limit=images + asked)
    X, y = avg_pool2d(data.X, 4 if quick else 2).flatten(1), data.y
    model = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10)).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (X[:images], y[:images]))
    train = Trainer(model, settings.epochs)
    problem, queries = problem.at(train(problem, 0)), (X[images:], y[images:])
    ids = np.random.default_rng(0).choice(images, left_out, replace=False)
    truths, spent = true_changes(problem, queries, ids, train, seeds)
    table, ratio = compared(problem, queries, truths, quick)
    facts = {
        "images": images, "queries": asked, "left out": left_out, "epochs": settings.epochs, "seeds": seeds, "damping": DAMPING,
        "seconds of the truths": spent, "load": load, "quick": quick, "machine": platform.processor() or platform.machine(),
    }  # fmt: skip
    report(table, ratio, facts, settings.out)


def report(table: pd.DataFrame, ratio: float, facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers and the chart."""
    print(table.to_string(index=False, float_format="{:.3f}".format), "\n")
    first = table.set_index("pair").loc[[TRUE, "EKFAC"]]
    same, over = (first["PBRF"][TRUE] - first[truth][TRUE] for truth in (SAME, OTHER))
    bars = [
        (f"{TRUE}: Pearson with PBRF", first["PBRF"][TRUE], "at least", BARS["PBRF"], first["PBRF"][TRUE] >= BARS["PBRF"]),
        (f"{TRUE}: that above its correlation with {OTHER}", over, "at least", BARS["over"], over >= BARS["over"]),
        (f"{TRUE}: that above its correlation with {SAME}", same, "at least", BARS["over"], same >= BARS["over"]),
        (f"{TRUE}: that above EKFAC's", first["PBRF"][TRUE] - first["PBRF"]["EKFAC"], "at least", 0.0, first["PBRF"][TRUE] >= first["PBRF"]["EKFAC"]),
        ("EKFAC: RelatIF's seconds over influence's", ratio, "at most", BARS["RelatIF"], ratio <= BARS["RelatIF"]),
    ]
    for name, value, side, bar, met in bars:
        print(f"{MET[None if facts['quick'] else bool(met)]:6} {name}: {value:.3f}, {side} {bar:g}")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "pairs": table.to_dict("records"), "bars": {name: {"found": float(value), side: bar} for name, value, side, bar, _ in bars}}
    (out / "faithful.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(table), out / "faithful.png")


if __name__ == "__main__":
    main()
