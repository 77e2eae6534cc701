"""Retraining many models at once: seconds beside plain loops over the same trainer, and the parameters that come out.

LEAVE-ONE-OUT: 200 refits of logistic regression on the Titanic passengers (889 rows) by Newton's method in float64, at once and one after the other.
MLPS: 100 MLPs 32-16 on the same rows, ten epochs of Adam in batches of 32, each without a tenth of the rows, stacked and in turn.
HALVES: 100 MLPs 784-128-64-10 on random halves of 5,000 MNIST images, two epochs of SGD with momentum in batches of 64: stacked, in turn by the
same trainer (a loop over indexed batches), and by a loop of torch's own, a DataLoader over each half and `torch.optim.SGD`. Of each of the whole
data's batches about 32 images are a model's, so the DataLoader that trains alike fills batches of 32; one that fills batches of 64 makes half as many
updates, another training, and stands beside it without a bar.
Each arm in turn, the middle of `--rounds` rounds (3), after two models each that are not timed: what torch imports on first use (over a second for
its optimisers) is no arm's. The loops of the first and the last run `--looped` of the models (20) and are scaled.
Parameters are compared in float64 on ten of the models. Bars: 20, 10, 1.5 and 2.5 times faster; parameters equal to 1e-6. Writes retraining.json and
retraining.png. `--quick` takes 8 models of each and 300 images.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import wherefrom as wf

MET = {True: "met", False: "MISSED", None: "-"}
NEWTON, SMALL, HALVES = "leave-one-out, logistic regression", "MLPs on a table", "MLPs on halves of MNIST"
BARS = {NEWTON: {"loop": 20.0}, SMALL: {"loop": 10.0}, HALVES: {"loop": 1.5, "DataLoader loop": 2.5}}
CLOSE = 1e-6
COMPARED = 10
WARM = 2  # models trained before any is timed
FEWER = "DataLoader loop, half the updates"
ARMS = ["together", "loop", "DataLoader loop", FEWER]


def titanic() -> tuple[Tensor, Tensor]:
    """The passengers as numbers, float64."""
    table = wf.datasets.titanic()
    X = wf.datasets.fit_encoder(table, np.arange(len(table.frame))).transform(table.frame)
    return X, wf.datasets.encode_target(table, table.frame).double()


def images(count: int) -> tuple[Tensor, Tensor]:
    data = wf.datasets.mnist("train", limit=count)
    return data.X.flatten(1), data.y


def case(name: str, quick: bool) -> tuple[wf.Problem, Any, list[list[Any]], bool]:
    """A problem, its trainer, what each model leaves out, and whether what is left is a data set of its own."""
    count = 8 if quick else 200 if name == NEWTON else 100
    if name == HALVES:
        X, y = images(300 if quick else 5000)
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)).eval()
        problem = wf.Problem.of(model, wf.cross_entropy(), (X, y))
        return problem, wf.train.sgd(2, 0.05, momentum=0.9, batch_size=64), drawn(problem, count, 0.5), True
    X, y = titanic()
    torch.manual_seed(0)
    if name == NEWTON:
        problem = wf.Problem.of(nn.Linear(X.shape[1], 1).double().eval(), wf.binary_cross_entropy(l2=0.01), (X, y))
        problem = problem.at(wf.train.newton()(problem, 0).parameters)
        return problem, wf.train.newton(), [[key] for key in problem.ids[:count].tolist()], False
    model = nn.Sequential(nn.Linear(X.shape[1], 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1)).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(), (X.float(), y.float()))
    return problem, wf.train.adam(10, batch_size=32), drawn(problem, count, 0.1), False


def drawn(problem: wf.Problem, count: int, share: float) -> list[list[Any]]:
    random, size = np.random.default_rng(0), round(share * len(problem))
    return [random.choice(problem.ids, size, replace=False).tolist() for _ in range(count)]


def together(problem: wf.Problem, train: Any, groups: Sequence[Any], normalise: bool) -> list[dict[str, Tensor]]:
    return [dict(run.parameters) for run in train.without(problem, groups, normalise=normalise, progress=False)]


def looped(problem: wf.Problem, train: Any, groups: Sequence[Any], normalise: bool) -> list[dict[str, Tensor]]:
    found = []
    for ids in groups:
        smaller = problem.without(ids)
        found.append(dict(train(smaller.renormalised() if normalise else smaller, 0).parameters))
    return found


def by_data_loader(problem: wf.Problem, train: Any, groups: Sequence[Any], normalise: bool, share: float = 0.5) -> list[dict[str, Tensor]]:
    """What most people write, in batches of a ``share`` of the trainer's."""
    X, y = problem.train.source.tree  # pyright: ignore[reportAttributeAccessIssue]
    found = []
    for ids in groups:
        kept = torch.from_numpy(np.setdiff1d(problem.ids, ids))
        loader = DataLoader(TensorDataset(X[kept], y[kept]), batch_size=round(share * train.batch_size), shuffle=True)
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
        optimiser = torch.optim.SGD(model.parameters(), train.learning_rate, momentum=0.9)
        for _ in range(train.epochs):
            for inputs, targets in loader:
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(inputs), targets).backward()
                optimiser.step()
        found.append({name: value.detach() for name, value in model.named_parameters()})
    return found


def seconds(work: Callable[..., Any], problem: wf.Problem, train: Any, groups: Sequence[Any], normalise: bool) -> float:
    start = time.perf_counter()
    work(problem, train, groups, normalise)
    return time.perf_counter() - start


def gap(problem: wf.Problem, train: Any, groups: Sequence[Any], normalise: bool) -> float:
    """The largest difference of a parameter, stacked and in turn, in float64."""
    exact, few = problem.to(torch.float64), groups[:COMPARED]
    pairs = zip(together(exact, train, few, normalise), looped(exact, train, few, normalise), strict=True)
    return max(float((one[name] - other[name]).abs().max()) for one, other in pairs for name in one)


def measured(name: str, quick: bool, rounds: int, part: int) -> tuple[list[dict[str, Any]], float]:
    """A row for each arm, and how far the parameters are apart."""
    problem, train, groups, normalise = case(name, quick)
    arms: dict[str, Callable[..., Any]] = {"together": together, "loop": looped}
    if name == HALVES:
        arms |= {"DataLoader loop": by_data_loader, FEWER: partial(by_data_loader, share=1.0)}
    for work in arms.values():
        work(problem, train, groups[:WARM], normalise)
    spent: dict[str, list[float]] = {arm: [] for arm in arms}
    for _ in range(rounds):
        for arm, work in arms.items():
            some = groups if arm == "together" or name == SMALL else groups[:part]
            spent[arm].append(seconds(work, problem, train, some, normalise) * len(groups) / len(some))
    rows = [{"case": name, "arm": arm, "models": len(groups), "seconds": median(took)} for arm, took in spent.items()]
    return rows, gap(problem, train, groups, normalise)


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Seconds of each arm."""
    base = alt.Chart(table).encode(
        x=alt.X("seconds:Q", scale=alt.Scale(type="log", padding=20), title="seconds"),
        y=alt.Y("arm:N", sort=ARMS, title=None),
        color=alt.Color("arm:N", legend=None, scale=alt.Scale(domain=ARMS, range=["#2f6fb0", "#c99a2e", "#8a8a8a", "#8a8a8a"])),
    )
    shown = base.mark_point(filled=True, size=90, opacity=1) + base.mark_text(align="left", dx=8).encode(text=alt.Text("seconds:Q", format=".3~g"))
    header = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold")
    return shown.properties(width=420, height=70).facet(row=alt.Row("case:N", title=None, header=header)).resolve_scale(y="independent")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--looped", type=int, default=20)
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    quick, load = settings.quick, os.getloadavg()[0]
    rows, gaps = [], {}
    for name in BARS:
        found, gaps[name] = measured(name, quick, 1 if quick else settings.rounds, settings.looped)
        rows += found
        print(pd.DataFrame(found).to_string(index=False, float_format="{:.3g}".format), "\n", flush=True)
    table = pd.DataFrame(rows)
    spent = table.set_index(["case", "arm"])["seconds"]
    bars = {
        f"{name}: times faster than the {arm}": (spent[name, arm] / spent[name, "together"], bar)
        for name, asked in BARS.items()
        for arm, bar in asked.items()
    }
    for name, (value, bar) in bars.items():
        print(f"{MET[None if quick else bool(value >= bar)]:6} {name}: {value:.3g}, at least {bar:g}")
    for name, value in gaps.items():
        print(f"{MET[value <= CLOSE]:6} {name}: largest difference of a parameter {value:.1e}, at most {CLOSE:g}")
    facts = {"quick": quick, "threads": torch.get_num_threads(), "load": load, "machine": platform.processor() or platform.machine()}
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    settings.out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "rows": rows, "gaps": gaps, "bars": {name: {"found": float(value), "at least": bar} for name, (value, bar) in bars.items()}}
    (settings.out / "retraining.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(table), settings.out / "retraining.png")


if __name__ == "__main__":
    main()
