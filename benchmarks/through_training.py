"""Influence through training: what it predicts of the very same run without some examples, and what it costs.

LEAVE-ONE-OUT BY SGD-INFLUENCE, as in Hara et al. 2019. For each of ten seeds 200 ones and sevens of MNIST's training images train logistic regression
(l2 0.01) by plain SGD: five epochs of batches of 5, the rate falling from 0.02 to 0 along a line. A network 784-8-8-1 (tanh) trains for ten epochs of
batches of 20 at a rate of 0.1. What leaving each image out of the run does to the sum of the losses of 200 other images is found by running it again,
and predicted by SGD-influence, by it without the Hessian, and by influence functions at the end (Gauss-Newton, default damping): Kendall's τ over the
200 images, and the Jaccard overlap of the twenty images at the two ends. Bars: logistic regression τ 0.97; the network τ 0.78 and overlap 0.6, means
over the seeds.

BANKS. An MLP 196-32-10 (SiLU) on 1,000 images of MNIST's test set, 2 × 2 means, l2 1e-3, ten epochs in batches of 32, by Adam and by SGD with
momentum. Sixty groups of 1 % and sixty of 10 % of the images are left out of the same run (same order, same start); the linear datamodelling score
over 20 queries of unrolled influence, beside influence by EK-FAC and by Gauss-Newton, and gradient dot, at the end. Bars for unrolled influence: 0.95
and 0.85, and its seconds for the 20 queries at most 6 times those of the training, the least of three rounds each. An MLP 784-128-64-10 is timed as
well, without a bar. Writes through_training.json and through_training.png. `--quick` takes one seed, 24 images, and 6 groups of each size.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

import wherefrom as wf

MET = {True: "met", False: "MISSED", None: "-"}
SGD, FLAT, INFLUENCE = "SGD-influence", "SGD-influence, no Hessian", "influence functions"
UNROLLED, EKFAC, EXACT, DOT = "unrolled influence", "EK-FAC influence", "Gauss-Newton influence", "gradient dot"
ENDS = 10
LOO_BARS = {"logistic regression": {"τ": 0.97}, "network": {"τ": 0.78, "overlap": 0.6}}
BANK_BARS = {0.01: 0.95, 0.10: 0.85}
TIMES = 6.0
HEADER = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold")
QUERIES = 20


def pair_of_digits(images: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ones and sevens to train on, and as many others to ask about; targets 0 and 1."""
    data = wf.datasets.mnist("train", limit=12000)
    kept = torch.nonzero((data.y == 1) | (data.y == 7))[:, 0]
    places = kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))[: 2 * images]]
    X, y = data.X[places].flatten(1).double(), (data.y[places] == 7).double()
    return X[:images], y[:images], X[images:], y[images:]


def loo_case(name: str, quick: bool) -> tuple[nn.Module, Any]:
    """The model and its trainer."""
    if name == "network":
        layers = (nn.Linear(784, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
        return nn.Sequential(*layers).double().eval(), wf.train.sgd(2 if quick else 10, 0.1, batch_size=20, record=True)
    trainer = wf.train.sgd(2 if quick else 5, 0.02, batch_size=5, schedule=wf.train.Linear(), record=True)
    return nn.Linear(784, 1).double().eval(), trainer


def ends(values: np.ndarray) -> set[int]:
    """The places of the largest and the smallest."""
    order = np.argsort(values, kind="stable")
    return {*order[:ENDS].tolist(), *order[-ENDS:].tolist()}


def left_out_one_by_one(name: str, seed: int, quick: bool) -> list[dict[str, Any]]:
    """A row for each method: how its 200 predictions agree with runs without each image."""
    X, y, Xq, yq = pair_of_digits(24 if quick else 200, seed)
    model, train = loo_case(name, quick)
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=0.01), (X, y))
    run = train(problem, seed)
    problem = problem.at(run.parameters)
    again = replace(train, record=False)
    truth = wf.leave_one_out(problem, problem.ids, (Xq, yq), again, seeds=[seed], progress=False).change.mean(0).numpy()
    methods: dict[str, wf.methods.Method] = {SGD: wf.methods.SGDInfluence(run), FLAT: wf.methods.SGDInfluence(run, hessian=False)}
    if problem.size < 1000:
        methods[INFLUENCE] = wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact()))
    else:
        methods[INFLUENCE] = wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.CG(preconditioner=wf.KFAC())))
    rows = []
    for method, settings in methods.items():
        found = wf.attribute(settings, problem, (Xq, yq), aggregate=True, progress=False).values[0].numpy()
        shared = ends(found) & ends(truth)
        overlap = len(shared) / (4 * ENDS - len(shared))
        rows.append({"model": name, "seed": seed, "method": method, "τ": wf.metrics.kendall(found, truth).value, "overlap": overlap})
    return rows


def mlp(*widths: int) -> nn.Module:
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.SiLU()]
    return nn.Sequential(*layers[:-1]).eval()


def trainers(quick: bool) -> dict[str, Any]:
    epochs = 2 if quick else 10
    return {
        "Adam": wf.train.adam(epochs, 2e-3, batch_size=32, schedule=wf.train.Cosine(0.1), eps_root=1e-8, record=True),
        "SGD with momentum": wf.train.sgd(epochs, 0.05, momentum=0.9, batch_size=32, schedule=wf.train.Cosine(0.1), record=True),
    }


def least(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """The least seconds of some rounds, and what the last gave."""
    spent, found = [], None
    for _ in range(rounds):
        start = time.perf_counter()
        found = work()
        spent.append(time.perf_counter() - start)
    return min(spent), found


def bank_problem(model: nn.Module, pool: int, images: int) -> tuple[wf.Problem, tuple[Tensor, Tensor]]:
    data = wf.datasets.mnist("test", limit=images + QUERIES)
    X = avg_pool2d(data.X, pool).flatten(1) if pool > 1 else data.X.flatten(1)
    return wf.Problem.of(model, wf.cross_entropy(l2=1e-3), (X[:images], data.y[:images])), (X[images:], data.y[images:])


def banks(optimiser: str, quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """A row for each method and share left out, and the seconds of training and of unrolled influence."""
    images, groups = (100, 6) if quick else (1000, 60)
    problem, queries = bank_problem(mlp(196, 32, 10), 2, images)
    train = trainers(quick)[optimiser]
    training, run = least(lambda: train(problem, 0), 1 if quick else 3)
    problem = problem.at(run.parameters)
    methods = {
        UNROLLED: wf.UnrolledInfluence(run),
        EKFAC: wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())),
        EXACT: wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.CG(preconditioner=wf.KFAC()))),
        DOT: wf.GradientDot(),
    }
    tables = {}
    spent = {"training": training}
    for name, method in methods.items():
        rounds = 3 if name == UNROLLED and not quick else 1
        spent[name], tables[name] = least(lambda method=method: wf.attribute(method, problem, queries, progress=False), rounds)
    rows = []
    for share in BANK_BARS:
        random = np.random.default_rng(round(1000 * share))
        left_out = {str(k): random.choice(images, max(1, round(share * images)), replace=False) for k in range(groups)}
        truth = wf.retrain_without(problem, left_out, queries, replace(train, record=False), seeds=[0], progress=False)
        for name, scores in tables.items():
            found = wf.lds(scores, truth, progress=False).lds
            rows.append({"optimiser": optimiser, "share": share, "method": name, "LDS": found.value, "low": found.low, "high": found.high})
    return rows, spent


def large(quick: bool) -> dict[str, float]:
    """The seconds on a larger network, without a bank."""
    images = 100 if quick else 1000
    problem, queries = bank_problem(mlp(784, 128, 64, 10), 1, images)
    train = wf.train.adam(1 if quick else 3, batch_size=64, record=True)
    training, run = least(lambda: train(problem, 0), 2)
    seconds, _ = least(partial(wf.attribute, wf.UnrolledInfluence(run), problem.at(run.parameters), queries, progress=False), 1 if quick else 2)
    return {"training": training, UNROLLED: seconds}


def bars(loo: pd.DataFrame, bank: pd.DataFrame, spent: dict[str, dict[str, float]]) -> list[tuple[str, float, str, float]]:
    """What was found beside each bar."""
    found = []
    for model, asked in LOO_BARS.items():
        mean = loo[(loo["model"] == model) & (loo["method"] == SGD)][["τ", "overlap"]].mean()
        found += [(f"{model}, {SGD}: {name}", float(mean[name]), "at least", bar) for name, bar in asked.items()]
    for row in bank[bank["method"] == UNROLLED].to_dict("records"):
        found.append((f"{row['optimiser']}, {row['share']:.0%} left out, {UNROLLED}: LDS", row["LDS"], "at least", BANK_BARS[row["share"]]))
    for optimiser, seconds in spent.items():
        if optimiser in bank["optimiser"].to_numpy():
            found.append((f"{optimiser}, {UNROLLED}: times the training", seconds[UNROLLED] / seconds["training"], "at most", TIMES))
    return found


def chart(loo: pd.DataFrame, bank: pd.DataFrame) -> alt.TopLevelMixin:
    """τ by method and seed, and the LDS of each bank with its interval."""
    colours = alt.Scale(range=["#2f6fb0", "#c99a2e", "#8a8a8a", "#c8553d"])
    order = [SGD, FLAT, INFLUENCE]
    dots = alt.Chart(loo).mark_point(filled=True, opacity=0.7, size=50)
    left = dots.encode(
        x=alt.X("τ:Q", title="Kendall's τ with runs without each image, a dot per seed"),
        y=alt.Y("method:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
        color=alt.Color("method:N", scale=colours, sort=order, legend=None),
        row=alt.Row("model:N", title=None, header=HEADER),
    )
    base = alt.Chart(bank.assign(bank=[f"{o}, {s:.0%} left out" for o, s in zip(bank["optimiser"], bank["share"], strict=True)]))
    methods = [UNROLLED, EXACT, EKFAC, DOT]
    y = alt.Y("method:N", sort=methods, title=None, axis=alt.Axis(labelLimit=220))
    color = alt.Color("method:N", scale=colours, sort=methods, legend=None)
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="linear datamodelling score, 95 % interval"), x2="high:Q", y=y, color=color)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x="LDS:Q", y=y, color=color)
    right = (spans + points).properties(width=320, height=70).facet(row=alt.Row("bank:N", title=None, header=HEADER))
    return alt.hconcat(left.properties(width=320, height=70), right).resolve_scale(color="independent")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    quick, load = settings.quick, os.getloadavg()[0]
    bank_rows: list[dict[str, Any]] = []
    spent: dict[str, dict[str, float]] = {}
    for optimiser in trainers(quick):
        rows, spent[optimiser] = banks(optimiser, quick)
        bank_rows += rows
    spent["784-128-64-10, Adam"] = large(quick)
    bank = pd.DataFrame(bank_rows)
    print(bank.to_string(index=False, float_format="{:.3f}".format), "\n", flush=True)
    print(pd.DataFrame(spent).T.to_string(float_format="{:.3f}".format), "\n", flush=True)
    seeds = 1 if quick else settings.seeds
    loo = pd.DataFrame([row for name in LOO_BARS for seed in range(seeds) for row in left_out_one_by_one(name, seed, quick)])
    print(loo.groupby(["model", "method"], sort=False)[["τ", "overlap"]].agg(["mean", "std"]).to_string(float_format="{:.3f}".format), "\n")
    found = bars(loo, bank, spent)
    for name, value, side, bar in found:
        met = value >= bar if side == "at least" else value <= bar
        print(f"{MET[None if quick else met]:6} {name}: {value:.3f}, {side} {bar:g}")
    facts = {"quick": quick, "seeds": seeds, "threads": torch.get_num_threads(), "load": load, "machine": platform.processor() or platform.machine()}
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    settings.out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "leave-one-out": loo.to_dict("records"), "banks": bank_rows, "seconds": spent, "bars": [list(one) for one in found]}
    (settings.out / "through_training.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(loo, bank), settings.out / "through_training.png")


if __name__ == "__main__":
    main()
