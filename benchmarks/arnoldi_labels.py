"""Corrupted labels found by self-influence through Arnoldi, in the protocol of Schioppa et al. 2022, and among the training images themselves.

A CNN of two 3 × 3 convolutions (32 and 64 channels), each with ReLU and 2 × 2 max pooling, and a hidden layer of 256, trained on 8,000 images of
MNIST's test set by five epochs of SGD, batches of 128, rate 0.1, momentum 0.9; the other 2,000 are held out. The seed (0, 1, 2) draws the split, the
weights, the order and the corruption: a fifth of the labels, each to one of the nine other digits, as likely.

held-out: the labels of the held-out images are corrupted, the model is trained on true ones (as in the authors' tutorial).
training: the labels of the training images are corrupted before training, and the training images are ranked.

Self-influence gᵀ G⁻¹ g takes the Gauss-Newton matrix by its 20 largest eigenvalues out of 100 Arnoldi iterations, whose products see the
first 1,000 training images. Beside it stand the loss itself and the length of the gradient. Bars, for held-out images alone and for every seed:
ROC AUC 0.99, average precision (AP) 0.97. Settings were chosen on seed 100. Writes arnoldi_labels.json and arnoldi_labels.png: what an inspection in
the order of a ranking finds. `--quick` takes 300 + 100 images of 7 × 7 pixels, a small CNN and one seed.
"""

import argparse
import json
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from four_models import seconds
from mislabelled import Data, inspected, losses_of, with_flips
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

import wherefrom as wf
from wherefrom.gradients import Gradients

HELD, TRAINING = "held-out", "training"
SELF, LOSS, LENGTH = "self-influence", "loss", "gradient length"
COLOURS = {"perfect": "#222222", SELF: "#2f6fb0", LOSS: "#c8553d", LENGTH: "#c99a2e"}
BARS = {"AUC": 0.99, "AP": 0.97}
MET = {True: "met", False: "MISSED", None: "open"}
SHARE, RATE, MOMENTUM, BATCH = 0.2, 0.1, 0.9, 128
SHOWN = 0.4  # share of the images that the chart covers


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    train: int = 8000
    held: int = 2000
    channels: tuple[int, int] = (32, 64)
    hidden: int = 256
    epochs: int = 5
    seen: int = 1000
    iterations: int = 100
    rank: int = 20
    seeds: int = 3


SMALL = Size(300, 100, (4, 8), 16, 60, 100, 40, 20, 1)


@dataclass(frozen=True, eq=False)
class Result:
    """One seed: the AUC and AP of each ranking, the share of corrupted labels among its first 1, 2, ... n, and what it took."""

    form: str
    seed: int
    accuracy: float
    auc: dict[str, float]
    ap: dict[str, float]
    seconds: dict[str, float]
    found: dict[str, np.ndarray]

    def row(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "found"}


def network(size: Size, side: int) -> nn.Module:
    first, second = size.channels
    convolutions = [nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(second * (side // 2 // 2) ** 2, size.hidden), nn.ReLU(), nn.Linear(size.hidden, 10))


def trained(data: Data, size: Size, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = network(size, data.X.shape[-1])
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    for _ in range(size.epochs):
        for index in torch.randperm(len(data.y)).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(model(data.X[index]), data.y[index]).backward()
            optimiser.step()
    return model.eval()


def drawn(pool: Data, size: Size, seed: int, form: str) -> tuple[Data, Data]:
    """Training and held-out images; labels corrupted where the form says."""
    random = torch.Generator().manual_seed(seed)
    places = torch.randperm(len(pool.y), generator=random)
    parts = [Data(pool.X[some], pool.y[some], pool.flipped[some]) for some in (places[: size.train], places[-size.held :])]
    which = (TRAINING, HELD).index(form)
    y, flipped = with_flips(parts[which].y, round(SHARE * len(parts[which].y)), random)
    parts[which] = replace(parts[which], y=y, flipped=flipped)
    return parts[0], parts[1]


def rankings(model: nn.Module, train: Data, held: Data, size: Size, form: str) -> tuple[dict[str, Tensor], dict[str, float]]:
    """What each ranking gives to the images that are looked at, and seconds."""
    problem = wf.Problem.of(model, wf.cross_entropy(), (train.X, train.y))
    some, arnoldi = problem.subset(problem.ids[: size.seen]), wf.Arnoldi(size.iterations, rank=size.rank)
    if form == HELD:
        looked = wf.Problem.of(model, wf.cross_entropy(), (held.X, held.y))
        fit, ihvp = seconds(lambda: wf.IHVP(wf.GaussNewton(), arnoldi, 0.0).fit(some))
        gradients = Gradients(looked)
        scoring, own = seconds(lambda: torch.cat([ihvp.quadratic(gradients.losses(batch)) for batch in looked.batches()]))
    else:
        looked = problem
        fit, ihvp = seconds(lambda: wf.IHVP(wf.GaussNewton().fit(some), arnoldi, 0.0).fit(problem))  # a subset's curvature, every image's influence
        scoring, own = seconds(lambda: wf.self_influence(wf.InfluenceFunction(ihvp), problem, progress=False))
    length = wf.self_influence(wf.GradientDot(), looked, progress=False).sqrt()
    return {SELF: own, LOSS: losses_of(looked, held if form == HELD else train), LENGTH: length}, {"fit": fit, "self-influence": scoring}


def measured(pool: Data, size: Size, seed: int, form: str) -> Result:
    """Train one model and rank its images in every way."""
    train, held = drawn(pool, size, seed, form)
    spent, model = seconds(lambda: trained(train, size, seed))
    truth = held.flipped if form == HELD else train.flipped
    with torch.no_grad():
        right = (model(held.X).argmax(1) == held.y)[~held.flipped]
    scores, taken = rankings(model, train, held, size, form)
    auc = {name: float(roc_auc_score(truth, values)) for name, values in scores.items()}
    ap = {name: float(average_precision_score(truth, values)) for name, values in scores.items()}
    found = {name: inspected(values, truth) for name, values in scores.items()}
    return Result(form, seed, float(right.float().mean()), auc, ap, {"training": spent, **taken}, found)


def summary(results: list[Result]) -> pd.DataFrame:
    """Mean and least AUC and AP over the seeds, of each form and ranking."""
    rows = [{"form": r.form, "ranking": name, "AUC": r.auc[name], "AP": r.ap[name]} for r in results for name in r.auc]
    found = pd.DataFrame(rows).groupby(["form", "ranking"], sort=False).agg(["mean", "min"])
    found.columns = [f"{'least ' * (which == 'min')}{what}" for what, which in found.columns]
    return found.reset_index()


def checks(table: pd.DataFrame, quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: the least over the seeds, what is asked and whether it is met; None for the quick form."""
    row = table.set_index(["form", "ranking"]).loc[(HELD, SELF)]
    found = {f"{HELD} images, least {name}": (float(row[f"least {name}"]), bar) for name, bar in BARS.items()}
    return {name: {"found": value, "at least": bar, "met": None if quick else value >= bar} for name, (value, bar) in found.items()}


def chart(results: list[Result]) -> alt.TopLevelMixin:
    """The share of corrupted labels found against the share of images inspected, the mean over seeds, one panel per form."""
    curves = []
    for form in (HELD, TRAINING):
        chosen = [r.found for r in results if r.form == form]
        share = np.arange(len(chosen[0][SELF]) + 1) / len(chosen[0][SELF])
        lines = {name: np.concatenate([[0.0], np.mean([found[name] for found in chosen], 0)]) for name in (SELF, LOSS, LENGTH)}
        lines["perfect"] = np.minimum(share / SHARE, 1)
        curves += [
            pd.DataFrame({"form": form, "ranking": name, "inspected": share, "found": values})[:: len(share) // 400 + 1]
            for name, values in lines.items()
        ]
    shown = pd.concat(curves).query("inspected <= @SHOWN + 1e-9").to_dict("records")
    colours = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    dashes = alt.Scale(domain=list(COLOURS), range=[[2, 2], [1, 0], [1, 0], [1, 0]])
    legend = alt.Legend(title="labels inspected by", symbolType="stroke", symbolSize=400)
    lines = alt.Chart(alt.InlineData(values=shown)).mark_line(strokeWidth=2).encode(
        x=alt.X("inspected:Q", title="share of the images inspected", axis=alt.Axis(format="%", tickCount=4)),
        y=alt.Y("found:Q", title="share of the corrupted labels found", axis=alt.Axis(format="%", tickCount=5)),
        color=alt.Color("ranking:N", scale=colours, legend=legend), strokeDash=alt.StrokeDash("ranking:N", scale=dashes, legend=legend),
    ).properties(width=330, height=300)  # fmt: skip
    return lines.facet(column=alt.Column("form:N", sort=[HELD, TRAINING], title=None)).properties(title="Corrupted labels found, mean over seeds")


def report(results: list[Result], facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, keep the numbers and the chart."""
    table = summary(results)
    print(table.to_string(index=False, float_format="{:.4f}".format), "\n")
    for r in results:
        print(
            f"{r.form}, seed {r.seed}: accuracy {r.accuracy:.3f}; seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in r.seconds.items())
        )
    print()
    bars = checks(table, facts["quick"])
    for name, bar in bars.items():
        print(f"{MET[bar['met']]:6} {name}: {bar['found']:.4f}, at least {bar['at least']:g}")
    print("\n" + ", ".join(f"{name}: {facts[name]}" for name in ("parameters", "machine", "threads", "load average", "torch")))
    out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "results": [r.row() for r in results], "summary": table.to_dict("records"), "bars": bars}
    (out / "arnoldi_labels.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(results), out / "arnoldi_labels.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--seeds", type=int, nargs="*", help="0 1 2, and 0 with --quick")
    arguments.add_argument("--threads", type=int, help="2, and 1 with --quick")
    for name in ("seen", "iterations", "rank", "epochs"):
        arguments.add_argument(f"--{name}", type=int, help=f"{getattr(Size(), name)}, and {getattr(SMALL, name)} with --quick")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(settings.threads or (1 if settings.quick else 2))
    changed = {name: getattr(settings, name) for name in ("seen", "iterations", "rank", "epochs") if getattr(settings, name)}
    size, load = replace(SMALL if settings.quick else Size(), **changed), os.getloadavg()[0]
    images = wf.datasets.mnist("test", limit=size.train + size.held)
    X = avg_pool2d(images.X, 4) if settings.quick else images.X
    pool = Data(X, images.y, torch.zeros(len(images.y), dtype=torch.bool))
    seeds = settings.seeds or list(range(size.seeds))
    results = [measured(pool, size, seed, form) for form in (HELD, TRAINING) for seed in seeds]
    facts = {
        "quick": settings.quick, **vars(size), "seeds": seeds, "corrupted": SHARE, "rate": RATE, "momentum": MOMENTUM, "batch": BATCH,
        "parameters": sum(value.numel() for value in network(size, X.shape[-1]).parameters()),
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__,
    }  # fmt: skip
    report(results, facts, settings.out)


if __name__ == "__main__":
    main()
