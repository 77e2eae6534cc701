"""Linear datamodelling scores on MNIST 5,000 / 500: which scores predict what training on half of the images does.

100 random halves of 5,000 MNIST images train softmax regression (l2 1e-3, 20 epochs of SGD with momentum) and an MLP 784-128-64-10 (ReLU, 10 epochs),
batches of 64, `--seeds` (2) trainings of each half, each starting anew. LDS over 500 queries: the rank correlation, over the halves, of the summed
scores of what was left out with the rise of the query's loss; interval by resampling halves and queries, ceiling from the seeds. Methods at one
model trained on all images, and over ten (checkpoints of TRAK, means of the others' scores). Bars: influence on softmax regression 0.80; on the MLP
the best method of one model 0.30, of ten 0.35; all in ten minutes. Writes lds.json, lds.png and the outcomes, which a second run does not train
again. `--quick` takes 200 images of 7 × 7 pixels, 20 queries and 10 halves.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

import wherefrom as wf

MET = {True: "met", False: "MISSED", None: "-"}
LINEAR, MLP = "softmax regression", "MLP"
BARS = {(LINEAR, 1): 0.80, (MLP, 1): 0.30, (MLP, 10): 0.35}
MINUTES = 10.0
MODELS = 10
INFLUENCE, EKFAC, TRAK, DOT, RANDOM = "influence (Gauss-Newton, CG)", "influence (EK-FAC)", "TRAK", "gradient dot", "random"


def problem_of(name: str, quick: bool) -> tuple[wf.Problem, tuple[Tensor, Tensor], Any]:
    """The problem, its queries and its trainer."""
    images, asked = (200, 20) if quick else (5000, 500)
    data = wf.datasets.mnist("train", limit=images + asked)
    X = (avg_pool2d(data.X, 4) if quick else data.X).flatten(1)
    width = X.shape[1]
    if name == LINEAR:
        model, train = nn.Linear(width, 10), wf.train.sgd(20, 0.05, momentum=0.9, batch_size=64, schedule=wf.train.Cosine())
        objective = wf.cross_entropy(l2=1e-3)
    else:
        model = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
        train = wf.train.sgd(10, 0.02, momentum=0.9, batch_size=64, schedule=wf.train.Cosine())
        objective = wf.cross_entropy(l2=1e-4)
    return wf.Problem.of(model.eval(), objective, (X[:images], data.y[:images])), (X[images:], data.y[images:]), train


def settings_of() -> dict[str, wf.methods.Method]:
    """The methods at one model."""
    exact = wf.IHVP(wf.GaussNewton(), wf.CG(preconditioner=wf.KFAC()))
    return {
        INFLUENCE: wf.InfluenceFunction(exact),
        EKFAC: wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())),
        TRAK: wf.TRAK(dimension=1024),
        DOT: wf.GradientDot(),
        RANDOM: wf.methods.RandomScores(),
    }


def scored(problem: wf.Problem, runs: Sequence[wf.retraining.Run], queries: Any, name: str, count: int) -> tuple[wf.Scores, float]:
    """A method over the first ``count`` models, and its seconds."""
    start = time.perf_counter()
    method = settings_of()[name]
    if isinstance(method, wf.TRAK) and count > 1:
        method = replace(method, checkpoints=[run.parameters for run in runs[:count]])
        found = wf.attribute(method, problem.at(runs[0].parameters), queries, progress=False)
        return found, time.perf_counter() - start
    tables = [wf.attribute(method, problem.at(run.parameters), queries, progress=False) for run in runs[:count]]
    mean = replace(tables[0], values=torch.stack([table.values for table in tables]).mean(0))
    return mean, time.perf_counter() - start


def measured(name: str, quick: bool, subsets: int, seeds: int, out: Path) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """A row for each method and number of models; and the seconds of what was trained."""
    problem, queries, train = problem_of(name, quick)
    start = time.perf_counter()
    truth = wf.retraining.subset_outcomes(problem, queries, train, subsets=subsets, seeds=range(seeds), out=out / f"lds {name}.jsonl", progress=False)
    spent = {"halves": time.perf_counter() - start}
    start = time.perf_counter()
    runs = [train(problem, 100 + seed) for seed in range(2 if quick else MODELS)]
    spent["models"] = time.perf_counter() - start
    plans = [(method, 1) for method in settings_of() if name == LINEAR or method != INFLUENCE]
    if name == MLP:
        plans += [(method, len(runs)) for method in (EKFAC, TRAK, DOT)]
    rows = []
    for method, count in plans:
        scores, seconds = scored(problem, runs, queries, method, count)
        found = wf.lds(scores, truth, progress=False).lds
        interval = {"low": found.low, "high": found.high, "ceiling": found.ceiling}
        rows.append({"model": name, "method": method, "models": count, "LDS": found.value, **interval, "seconds": seconds})
        print(f"{name}, {method}, {count}: {found} ({seconds:.1f} s)", flush=True)
    return rows, spent


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """LDS of each method with its interval, and the ceiling."""
    named = table.assign(label=[f"{m}, {k} models" if k > 1 else m for m, k in zip(table["method"], table["models"], strict=True)])
    base = alt.Chart(named)
    y = alt.Y("label:N", sort=alt.EncodingSortField("LDS", order="descending"), title=None, axis=alt.Axis(labelLimit=240))
    spans = base.mark_rule(strokeWidth=2, color="#2f6fb0").encode(
        x=alt.X("low:Q", title="linear datamodelling score, 95 % interval"), x2="high:Q", y=y
    )
    dots = base.mark_point(filled=True, size=70, opacity=1, color="#2f6fb0").encode(x="LDS:Q", y=y)
    ceiling = base.mark_rule(strokeDash=[4, 3], color="#8a8a8a").encode(x="mean(ceiling):Q")
    header = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold")
    shown = (spans + dots + ceiling).properties(width=420).facet(row=alt.Row("model:N", sort=[LINEAR, MLP], title=None, header=header))
    return shown.resolve_scale(y="independent")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    quick, load, start = settings.quick, os.getloadavg()[0], time.perf_counter()
    rows, spent = [], {}
    for name in (LINEAR, MLP):
        found, spent[name] = measured(name, quick, 10 if quick else 100, settings.seeds, settings.out)
        rows += found
    minutes, table = (time.perf_counter() - start) / 60, pd.DataFrame(rows)
    print("\n" + table.to_string(index=False, float_format="{:.3f}".format), "\n")
    several = max(table["models"])
    bars = []
    for (name, count), bar in BARS.items():
        chosen = table[(table["model"] == name) & (table["models"] == (1 if count == 1 else several))]
        chosen = chosen[chosen["method"] == INFLUENCE] if name == LINEAR else chosen
        best = max(chosen.to_dict("records"), key=lambda row: row["LDS"])
        bars.append((f"{name}, {best['models']} models: {best['method']}", float(best["LDS"]), "at least", bar))
    bars.append(("minutes in all", minutes, "at most", MINUTES))
    for name, value, side, bar in bars:
        met = value >= bar if side == "at least" else value <= bar
        print(f"{MET[None if quick else met]:6} {name}: {value:.3g}, {side} {bar:g}")
    facts = {"quick": quick, "seeds": settings.seeds, "threads": torch.get_num_threads(), "load": load}
    facts |= {"machine": platform.processor() or platform.machine(), "seconds": spent}
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / "lds.json").write_text(json.dumps({**facts, "rows": rows, "bars": [list(bar) for bar in bars]}, indent=1))
    wf.plot.save(chart(table), settings.out / "lds.png")


if __name__ == "__main__":
    main()
