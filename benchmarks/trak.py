"""TRAK and projected influence by the linear datamodelling score (Park et al. 2023), and TRAK's seconds beside a plain loop's.

An MLP 196-64-10 (tanh) on 1,000 MNIST images of 14 × 14 pixels (2 × 2 means), 50 others as queries. 32 random halves of the images, on each
of which `--retrained` (2) models are trained from other starts; ten more models on all images, five checkpoints of each. Training: 30 epochs of
SGD, batches of 50, rate 0.1, l2 0.001. The score of a method: for each query the Spearman correlation over the halves of the sum of its scores of
the images in a half with the query's margin log p/(1 - p) after training on it, mean over those models; then the mean over queries. Every method
is asked about the margin. Those of one model take each of the ten in turn, which gives a mean and a deviation; "of 10" has the mean of the ten
models' scores. How well the margins of half of the retrained models foretell the others' shows how much of the truth is noise.

Seconds: TRAK at one checkpoint, beside the same by `torch.vmap` over `torch.func.grad` in batches of 100, a dense Gaussian projection and a
matrix inverse; and beside dattri's `TRAKAttributor` where it is installed, with its own projection: the middle of three rounds each.
Bars: TRAK of ten models scores above TRAK of one and above the gradients' dot product, and takes at most half of the plain loop's seconds.
Writes trak.json and trak.png. `--quick` takes 120 images of 7 × 7 pixels, 8 queries, 8 halves and three models.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.methods.model_output import margin

HIDDEN, RATE, BATCH, L2, CHECKPOINTS = 64, 0.1, 50, 1e-3, 5
DOT, PLAIN, DATTRI = "gradient dot", "plain loop", "dattri"
FASTER = 0.5
RIDGES = (0.03, 0.3, 1.0, 3.0, 10.0, 100.0)
MET = {True: "met", False: "MISSED", None: "open"}
State = dict[str, Tensor]


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    images: int = 1000
    queries: int = 50
    pixels: int = 2  # averaged along each side
    halves: int = 32
    models: int = 10
    epochs: int = 30
    dimension: int = 512
    rank: int = 16


QUICK = Size(120, 8, 4, 8, 3, 100, 64, 4)


def trained(X: Tensor, y: Tensor, members: Tensor, seed: int, epochs: int) -> list[list[State]]:
    """A model for each row of ``members`` (S, m), the images that it sees: all at once, each from its own start in its own order; its checkpoints."""
    (count, size), random = members.shape, torch.Generator().manual_seed(seed)

    def start(outputs: int, inputs: int) -> Tensor:
        return (torch.randn(count, outputs, inputs, generator=random) / inputs**0.5).requires_grad_()

    weights = {"0.weight": start(HIDDEN, X.shape[1]), "2.weight": start(10, HIDDEN)}
    biases = {name.replace("weight", "bias"): torch.zeros(value.shape[:2], requires_grad=True) for name, value in weights.items()}
    state, kept = {**weights, **biases}, []
    optimiser = torch.optim.SGD(list(state.values()), lr=RATE, weight_decay=L2)
    for epoch in range(epochs):
        orders = torch.stack([torch.randperm(size, generator=random) for _ in range(count)])
        for places in orders.split(BATCH, 1):
            seen = members.gather(1, places)
            hidden = torch.tanh(torch.baddbmm(state["0.bias"][:, None], X[seen], state["0.weight"].mT))
            outputs = torch.baddbmm(state["2.bias"][:, None], hidden, state["2.weight"].mT)
            optimiser.zero_grad()
            cross_entropy(outputs.flatten(0, 1), y[seen].flatten(), reduction="sum").div(places.shape[1]).backward()
            optimiser.step()
        if (epoch + 1) % max(1, epochs // CHECKPOINTS) == 0:
            kept.append({name: value.detach().clone() for name, value in state.items()})
    return [[{name: value[model] for name, value in checkpoint.items()} for checkpoint in kept] for model in range(count)]


def score(scores: Tensor, halves: Tensor, margins: Tensor) -> np.ndarray:
    """For each query the rank correlation over the halves (m, n) of summed scores (q, n) with its margins (q, m)."""
    sums = scores.double() @ halves.double().T
    return np.array([spearmanr(mine, theirs).statistic for mine, theirs in zip(sums, margins, strict=True)])


def agreement(margins: Tensor) -> float | None:
    """The rank correlation over the halves of the margins of one half of the retrained models (s, q, m) with the others', mean over queries."""
    if len(margins) < 2:
        return None
    one, other = (part.mean(0) for part in margins.split([len(margins) // 2, len(margins) - len(margins) // 2]))
    return float(np.mean([spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]))


def single(size: Size) -> dict[str, Callable[[list[State]], wf.methods.Method]]:
    """Methods of one model, by its checkpoints."""
    sides = wf.LayerProjection(size.rank)
    return {
        DOT: lambda _: wf.GradientDot(),
        "TracIn, 5 checkpoints": lambda states: wf.TracIn(states, RATE),
        "EK-FAC influence": lambda _: wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())),
        "projected influence": lambda _: wf.ProjectedInfluence(sides),
        "projected influence, leading": lambda _: wf.ProjectedInfluence(sides, basis=wf.KFAC()),
        "projected influence, one sketch": lambda _: wf.ProjectedInfluence(wf.gradients.Projection(size.dimension)),
        "TRAK": lambda _: wf.TRAK(dimension=size.dimension),
        "random": lambda _: wf.methods.RandomScores(),
    }


def compared(problem: wf.Problem, queries: Any, models: list[list[State]], halves: Tensor, margins: Tensor, size: Size) -> pd.DataFrame:
    """A row for each method: its score, the deviation over models, the standard error over queries, the seconds of one call."""
    rows = []

    def row(name: str, count: int, values: Sequence[np.ndarray], seconds: float) -> None:
        means = [float(found.mean()) for found in values]
        spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
        error = float(np.mean(values, 0).std(ddof=1) / margins.shape[0] ** 0.5)
        rows.append({"method": name, "models": count, "score": float(np.mean(means)), "deviation": spread, "error": error, "seconds": seconds})

    def taken(method: wf.methods.Method, state: State) -> tuple[Tensor, float]:
        start = time.perf_counter()
        found = wf.attribute(method, problem.at(state), queries, progress=False).values
        return found, time.perf_counter() - start

    for name, make in single(size).items():
        found = [taken(make(states), states[-1]) for states in models]
        row(name, 1, [score(scores, halves, margins) for scores, _ in found], median(seconds for _, seconds in found))
        if name in (DOT, "EK-FAC influence", "projected influence, leading"):
            mean = torch.stack([scores for scores, _ in found]).mean(0)
            row(name, len(models), [score(mean, halves, margins)], sum(seconds for _, seconds in found))
    for count in sorted({min(5, len(models) - 1), len(models)}):
        parts = [models[place : place + count] for place in range(0, len(models) - count + 1, count)]
        found = [taken(wf.TRAK([states[-1] for states in part], size.dimension), part[0][-1]) for part in parts]
        row("TRAK", count, [score(scores, halves, margins) for scores, _ in found], median(seconds for _, seconds in found))
    return pd.DataFrame(rows)


def by_ridge(problem: wf.Problem, queries: Any, states: list[State], halves: Tensor, margins: Tensor, dimensions: Sequence[int]) -> pd.DataFrame:
    """The score of TRAK of one model and of all of these for ridges in mean squared lengths of the projected gradients."""
    mean, rows = float(lengths(problem.at(states[0])).mean()), []
    for dimension in dimensions:
        for ridge in RIDGES:
            found = {"dimension": dimension, "ridge": ridge, "of the mean eigenvalue": ridge * dimension / len(problem)}
            for models in (states[:1], states):
                scores = wf.attribute(wf.TRAK(models, dimension, ridge * mean), problem, queries, progress=False).values
                found[f"{len(models)} model{'s' * (len(models) > 1)}"] = float(score(scores, halves, margins).mean())
            rows.append(found)
    return pd.DataFrame(rows)


def plain(model: nn.Module, train: tuple[Tensor, Tensor], queries: tuple[Tensor, Tensor], dimension: int, ridge: float) -> Tensor:
    """The same score by a mapped gradient, a dense Gaussian matrix and an inverse, in batches of 100."""
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    size = sum(value.numel() for value in parameters.values())
    matrix = torch.randn(size, dimension, generator=torch.Generator().manual_seed(0)) / dimension**0.5

    def one(values: State, image: Tensor, label: Tensor) -> Tensor:
        return margin(torch.func.functional_call(model, values, (image[None],)), label[None])[0]

    take = torch.vmap(torch.func.grad_and_value(one), in_dims=(None, 0, 0))

    def features(data: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        found = []
        for X, y in zip(data[0].split(100), data[1].split(100), strict=True):
            slopes, values = take(parameters, X, y)
            found.append((torch.cat([slope.flatten(1) for slope in slopes.values()], 1) @ matrix, torch.sigmoid(-values)))
        return torch.cat([rows for rows, _ in found]), torch.cat([missing for _, missing in found])

    (rows, missing), (asked, _) = features(train), features(queries)
    gram = (rows.T @ rows).double()
    gram.diagonal().add_(ridge)
    return torch.linalg.solve(gram, asked.double().T).T.float() @ rows.T * missing


def lengths(problem: wf.Problem) -> Tensor:
    """The squared length of each image's gradient of the margin: queries ask for the margin, and images are queries too."""
    gradients = Gradients(problem)
    with torch.no_grad():
        return torch.cat([gradients.measurements(batch).squared_norms() for batch in problem.batches(size=gradients.size)])


def peer(model: nn.Module, train: tuple[Tensor, Tensor], queries: tuple[Tensor, Tensor], dimension: int, ridge: float) -> Tensor:
    """dattri's; raises ImportError where it is not installed."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    from dattri.algorithm import TRAKAttributor  # pyright: ignore[reportMissingImports]
    from dattri.task import AttributionTask  # pyright: ignore[reportMissingImports]
    from torch.utils.data import DataLoader, TensorDataset

    def odds(parameters: State, example: tuple[Tensor, Tensor]) -> Tensor:
        return margin(torch.func.functional_call(model, parameters, (example[0][None],)), example[1][None])[0]

    def correct(parameters: State, example: tuple[Tensor, Tensor]) -> Tensor:
        return torch.sigmoid(margin(torch.func.functional_call(model, parameters, (example[0].view(1, -1),)), example[1].view(1)))

    task = AttributionTask(odds, model, [model.state_dict()])
    settings = {"proj_dim": dimension, "proj_max_batch_size": 32, "proj_seed": 0, "device": "cpu"}
    size = sum(value.numel() for value in model.parameters())  # dattri divides gradients by its root
    attributor = TRAKAttributor(task, correct, projector_kwargs=settings, regularization=ridge / size)
    attributor.cache(DataLoader(TensorDataset(*train), 100))
    return attributor.attribute(DataLoader(TensorDataset(*queries), 100)).T.detach()


def raced(problem: wf.Problem, state: State, train: tuple[Tensor, Tensor], queries: tuple[Tensor, Tensor], size: Size) -> dict[str, Any]:
    """Seconds of TRAK at one checkpoint and of the others, in turn; and how their scores correlate with those without projection."""
    at = problem.at(state)
    model = nn.Sequential(nn.Linear(train[0].shape[1], HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10)).eval()
    model.load_state_dict(state)
    ridge = 3 * float(lengths(at).mean())
    ways: dict[str, Callable[[], Tensor]] = {
        "wherefrom": lambda: wf.attribute(wf.TRAK(dimension=size.dimension, ridge=ridge), at, queries, progress=False).values,
        PLAIN: lambda: plain(model, train, queries, size.dimension, ridge),
        DATTRI: lambda: peer(model, train, queries, size.dimension, ridge),
    }
    spent: dict[str, list[float]] = {}
    scores: dict[str, Tensor] = {}
    for _ in range(4):  # the first warms up
        for name, way in list(ways.items()):
            start = time.perf_counter()
            try:
                scores[name] = way()
            except ImportError as error:
                print(f"{name} is not installed here ({error}), so it is not compared; `make bench` sets up an environment that has it.")
                del ways[name]
                continue
            spent.setdefault(name, []).append(time.perf_counter() - start)
    alike = {
        name: float(np.corrcoef(scores["wherefrom"].flatten(), values.flatten())[0, 1]) for name, values in scores.items() if name != "wherefrom"
    }
    return {"seconds": {name: median(found[1:]) for name, found in spent.items()}, "correlation with wherefrom": alike}


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """The score of each method, with the standard error over queries."""
    many = table["models"].max()
    shown = table.assign(
        name=[f"{name}, {count} model{'s' * (count > 1)}" for name, count in zip(table["method"], table["models"], strict=True)],
        low=table["score"] - table["error"], high=table["score"] + table["error"], of=[str(count) for count in table["models"]],
    )  # fmt: skip
    order = shown.sort_values("score", ascending=False)["name"].tolist()
    colours = alt.Scale(domain=["1", *sorted({str(c) for c in table["models"] if 1 < c < many}), str(many)], range=["#8a8f98", "#c99a2e", "#2f6fb0"])
    base = alt.Chart(alt.InlineData(values=shown.astype(object).where(shown.notna(), None).to_dict("records"))).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=300)), color=alt.Color("of:N", scale=colours, title="models")
    )
    bars = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="linear datamodelling score, ± a standard error over queries"), x2="high:Q")
    return (bars + base.mark_circle(size=90, opacity=1).encode(x="score:Q")).properties(width=460, title="Scores against training on halves")


def bars(table: pd.DataFrame, race: dict[str, Any], quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: what was found, what is asked, and whether it is met; None for the quick form."""
    values = {(row.method, row.models): row.score for row in table.itertuples()}
    most = max(count for name, count in values if name == "TRAK")
    ten, seconds = values["TRAK", most], race["seconds"]
    asked = {
        f"TRAK of {most} models above TRAK of one": (ten - values["TRAK", 1], "above", 0.0),
        f"TRAK of {most} models above {DOT}": (ten - values[DOT, 1], "above", 0.0),
        f"TRAK's seconds over those of the {PLAIN}": (seconds["wherefrom"] / seconds[PLAIN], "at most", FASTER),
    }
    return {
        name: {"found": found, side: bar, "met": None if quick else bool(found > bar if side == "above" else found <= bar)}
        for name, (found, side, bar) in asked.items()
    }


def report(table: pd.DataFrame, race: dict[str, Any], facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers and the chart."""
    print(table.to_string(index=False, na_rep="-", float_format="{:.3f}".format), "\n")
    for name, seconds in race["seconds"].items():
        print(f"{name}: {seconds:.3f} s" + (f", correlation {race['correlation with wherefrom'][name]:.3f}" if name != "wherefrom" else ""))
    found = bars(table, race, facts["quick"])
    for name, bar in found.items():
        side = "above" if "above" in bar else "at most"
        print(f"{MET[bar['met']]:6} {name}: {bar['found']:.3f}, {side} {bar[side]:g}")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    out.mkdir(parents=True, exist_ok=True)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    (out / "trak.json").write_text(json.dumps({**facts, "methods": rows, "race": race, "bars": found}, indent=1))
    wf.plot.save(chart(table), out / "trak.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--retrained", type=int, default=2, help="models trained on each half (2)")
    arguments.add_argument("--dimension", type=int, help="of projections: 512, and 64 with --quick")
    arguments.add_argument("--images", type=int, help="1000, and 120 with --quick")
    arguments.add_argument("--ridges", action="store_true", help="TRAK's score for ridges and dimensions alone, of one model and of three")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    size = QUICK if settings.quick else Size()
    size = replace(size, dimension=settings.dimension or size.dimension, images=settings.images or size.images)
    load, start = os.getloadavg()[0], time.perf_counter()
    data = wf.datasets.mnist("test", limit=size.images + size.queries)
    X, y = avg_pool2d(data.X, size.pixels).flatten(1), data.y
    train, queries = (X[: size.images], y[: size.images]), (X[size.images :], y[size.images :])
    random = torch.Generator().manual_seed(0)
    members = torch.stack([torch.randperm(size.images, generator=random)[: size.images // 2] for _ in range(size.halves)])
    halves = torch.zeros(size.halves, size.images).scatter_(1, members, 1.0)
    model = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10)).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2, measurement=margin, lower_is_better=False), train)
    again = []
    for seed in range(1, 1 + settings.retrained):
        states = [states[-1] for states in trained(*train, members, seed, size.epochs)]
        again.append(torch.stack([margin(problem.outputs(queries[0], state), queries[1]) for state in states], 1).detach())
    margins = torch.stack(again)
    models = trained(*train, torch.arange(size.images).expand(size.models, -1), 0, size.epochs)
    if settings.ridges:
        table = by_ridge(problem, queries, [states[-1] for states in models[:3]], halves, margins.mean(0), (size.dimension // 2, 4 * size.dimension))
        print(table.to_string(index=False, float_format="{:.3f}".format))
        return
    spent = time.perf_counter() - start
    table = compared(problem, queries, models, halves, margins.mean(0), size)
    race = raced(problem, models[0][-1], train, queries, size)
    with torch.no_grad():
        right = [float((problem.outputs(part[0], models[0][-1]).argmax(1) == part[1]).float().mean()) for part in (train, queries)]
    noise = agreement(margins)
    facts = {
        "quick": settings.quick, **vars(size), "retrained": settings.retrained,
        "right on images and queries": right, "margins with one another": noise,
        "seconds of training": round(spent, 2), "seconds": round(time.perf_counter() - start, 2), "load average": load,
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip
    report(table, race, facts, settings.out)


if __name__ == "__main__":
    main()
