"""Representer points: how true the decomposition is, and how far the rankings of each method are ones of classes and not of instances.

A CNN (two convolutions, 64 hidden units, ReLU, float64) is trained on 3,000 MNIST images by 8 epochs of Adam; 1,000 test images are others.
`RepresenterL2` refits its last layer to its own outputs: the largest difference between refitted logits and sums of scores, and Pearson's
correlation of the decomposed softmax with the model's own, on training and test images. `RepresenterLJE`: by how much its weights miss one Newton
step of the last layer, and the Spearman correlation of its scores with the last layer's influence on the logit (same damping), the least of 200
test images: at the parameters that its step of ascent leads to, on which the bar stands, and at the trained ones.

Class or instance: for test images, asked about the predicted class, the share of the top 10 that bears that class; for pairs of one class the
Spearman correlation of all scores and the share of the top 10 in common; and how many images are anybody's first. On that CNN's last layer, and
on softmax regression of scikit-learn's 8 × 8 digits (1,000 train, 797 queries of which 200 are asked). Flipped labels: the same digits with a
tenth of the labels flipped; AUC of the rankings that look at each example alone.
Writes representers.json and representers.png. `--quick` takes 300 images, 2 epochs, 300 digits and 40 queries.
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
from scipy.stats import rankdata, spearmanr
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf

L2, LAST, TOP = 1e-5, "7.*", 10
BARS = {
    "decomposition, largest error": ("at most", 1e-8),
    "softmax, Pearson on training images": ("at least", 0.9998),
    "softmax, Pearson on test images": ("at least", 0.996),
    "LJE weights less the Newton step": ("at most", 1e-8),
    "LJE with influence on the logit, least Spearman": ("at least", 0.9999),
}
MET = {True: "met", False: "MISSED", None: "open"}


def logit(outputs: Tensor, targets: Tensor) -> Tensor:
    """Of the target's class."""
    return outputs.gather(1, targets[:, None])[:, 0]


def trained_cnn(X: Tensor, y: Tensor, epochs: int) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 5, stride=2, padding=2), nn.Flatten(), nn.Linear(392, 64)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(epochs):
        for index in torch.randperm(len(y)).split(64):
            optimiser.zero_grad()
            cross_entropy(model(X[index]), y[index]).backward()
            optimiser.step()
    return model.double().eval()


def decomposition(problem: wf.Problem, test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """The fidelity of RepresenterL2."""
    start = time.perf_counter()
    fitted = wf.methods.RepresenterL2(l2=L2, output="predicted").fit(problem)
    spent = time.perf_counter() - start
    own, other = fitted.fidelity(), fitted.fidelity(test)
    return {
        "decomposition, largest error": max(own.error, other.error),
        "softmax, Pearson on training images": float(own.softmax.value or 0),
        "softmax, Pearson on test images": float(other.softmax.value or 0),
        "seconds of RepresenterL2's refit": spent,
    }


def expansion(problem: wf.Problem, queries: tuple[Tensor, Tensor]) -> dict[str, float]:
    """RepresenterLJE against the Newton step and influence on the logit."""
    fitted = wf.methods.RepresenterLJE().fit(problem)
    with torch.no_grad():
        rows = [(batch, fitted.gradients.losses(batch)) for batch in fitted.gradients.problem.batches(size=256)]
        mean = torch.stack([(losses.flat() * batch.weights[:, None]).sum(0) for batch, losses in rows]).sum(0) / problem.normaliser
        newton = fitted.theta.flat()[0] - fitted.ihvp.solve(fitted.gradients.layout.rows(mean[None])).x[:, 0]
        weights = torch.stack([fitted.weights(batch).sum(0) for batch in problem.batches(size=256)]).sum(0)
    last = wf.Problem.of(problem.model, wf.cross_entropy(measurement=logit, lower_is_better=False), problem.train, parameters=LAST)
    influence = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), fitted.damping))
    scores = wf.attribute(wf.methods.RepresenterLJE(), problem, queries, progress=False).values
    figures = {"LJE weights less the Newton step": float((weights - newton).abs().max())}
    for place, there in {"": last.at(fitted.gradients.problem.parameters), " before the step": last}.items():
        both = list(zip(scores.numpy(), wf.attribute(influence, there, queries, progress=False).values.numpy(), strict=True))
        figures[f"LJE with influence on the logit{place}, least Spearman"] = min(spearmanr(mine, theirs).statistic for mine, theirs in both)
        figures[f"LJE with influence on the logit{place}, least Pearson"] = min(np.corrcoef(mine, theirs)[0, 1] for mine, theirs in both)
    return figures


def class_or_instance(problem: wf.Problem, queries: tuple[Tensor, Tensor], labels: Tensor, l2: float) -> pd.DataFrame:
    """A row for each method."""
    asked, ihvp = queries[1], wf.IHVP(damping=None).fit(problem)
    methods: dict[str, wf.methods.Method] = {
        "RepresenterL2": wf.methods.RepresenterL2(l2=l2),
        "RepresenterLJE": wf.methods.RepresenterLJE(),
        "EmbeddingSimilarity": wf.EmbeddingSimilarity(),
        "GradientCosine": wf.GradientCosine(),
        "RenormalisedInfluence": wf.methods.RenormalisedInfluence(ihvp),
        "RelatIF": wf.RelatIF(ihvp),
        "InfluenceFunction": wf.InfluenceFunction(ihvp),
    }
    pairs = torch.triu(asked[:, None] == asked[None], 1).nonzero().T
    rows = []
    for name, method in methods.items():
        values = wf.attribute(method, problem, queries, progress=False).values
        best = values.topk(TOP, 1).indices
        shown = torch.zeros(values.shape, dtype=torch.float64).scatter(1, best, 1.0)
        ranks = torch.from_numpy(rankdata(values.numpy(), axis=1))
        row = {
            "share of the class": float((labels[best] == asked[:, None]).double().mean()),
            "Spearman, same class": float(torch.corrcoef(ranks)[pairs[0], pairs[1]].mean()),
            "top 10 in common": float((shown @ shown.T)[pairs[0], pairs[1]].mean() / TOP),
            "distinct firsts": len(best[:, 0].unique()),
        }
        rows.append({"method": name, **row})
    return pd.DataFrame(rows)


def digits(count: int, flipped: float) -> tuple[wf.Problem, tuple[Tensor, Tensor], Tensor]:
    """Softmax regression of digits at its optimum, the other digits, and which labels are flipped."""
    data = load_digits()
    X, y = torch.from_numpy(data.data) / 16, torch.from_numpy(data.target).long()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))
    train, rest = order[:count], order[1000:]
    wrong = torch.arange(count) < round(flipped * count)
    labels = torch.where(wrong, (y[train] + 1 + torch.arange(count) % 9) % 10, y[train])
    problem = wf.Problem.of(nn.Linear(64, 10).double().eval(), wf.cross_entropy(l2=1e-3), (X[train], labels))
    return problem.at(wf.train.newton()(problem, 0).parameters), (X[rest], y[rest]), wrong


def flipped_labels(problem: wf.Problem, wrong: Tensor) -> pd.DataFrame:
    """AUC of each ranking, large first."""
    own = {
        "self-influence": wf.self_influence(wf.InfluenceFunction(), problem, progress=False),
        "|α| of RepresenterL2, labels": wf.methods.RepresenterL2(l2=1e-3, targets="labels").fit(problem).importance(),
        "loss": wf.self_influence(wf.methods.LossScores(), problem, progress=False),
        "margin": wf.self_influence(wf.MarginScores(), problem, progress=False),
        "gradient norm": wf.self_influence(wf.methods.GradientNorm(), problem, progress=False),
        "near the boundary, input space": -wf.methods.sample_boundary(problem, progress=False),
        "near the boundary, weight space": -wf.methods.weights_boundary(problem, progress=False),
        "random": wf.self_influence(wf.methods.RandomScores(), problem, progress=False),
    }
    m, n = int(wrong.sum()), len(wrong)
    places = {name: torch.from_numpy(rankdata(values.numpy()))[wrong].sum() for name, values in own.items()}
    return pd.DataFrame([{"ranking": name, "AUC": float((total - m * (m + 1) / 2) / (m * (n - m)))} for name, total in places.items()])


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """How far two queries of one class agree, method by method."""
    names = list(dict.fromkeys(table["method"]))
    long = table.melt(["data", "method"], ["share of the class", "Spearman, same class", "top 10 in common"], "figure", "value")
    colours = alt.Scale(range=["#2f6fb0", "#c99a2e", "#8a8a8a"])
    return (
        alt.Chart(long)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=alt.X("value:Q", title=None),
            y=alt.Y("method:N", sort=names, title=None, axis=alt.Axis(labelLimit=240)),
            color=alt.Color("figure:N", scale=colours, title=None, legend=alt.Legend(orient="top", labelLimit=240)),
            shape=alt.Shape("figure:N", legend=None),
            column=alt.Column("data:N", title=None),
        )
        .properties(width=320)
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    quick, load = settings.quick, os.getloadavg()[0]
    images, tested, epochs, small, asked = (300, 100, 2, 300, 40) if quick else (3000, 1000, 8, 1000, 200)
    train, test = wf.datasets.mnist("train", limit=images), wf.datasets.mnist("test", limit=tested)
    model = trained_cnn(train.X, train.y, epochs)
    X, labels = train.X.double(), train.y
    problem = wf.Problem.of(model, wf.cross_entropy(l2=1e-3), (X, labels), parameters=LAST)
    predicted = problem.outputs(test.X.double()).detach().argmax(1)
    queries = (test.X[:asked].double(), predicted[:asked])
    figures = {**decomposition(problem, (test.X.double(), test.y)), **expansion(problem, queries)}
    figures["test accuracy"] = float((predicted == test.y).double().mean())
    own, (others, _), _ = digits(small, 0.0)
    said = own.outputs(others[:asked]).detach().argmax(1)
    tables = {
        "MNIST, CNN, last layer": class_or_instance(problem, queries, labels, L2),
        "digits, softmax regression": class_or_instance(own, (others[:asked], said), next(own.batches(size=small)).targets, 1e-3),
    }
    noisy, _, wrong = digits(small, 0.1)
    facts = {"images": images, "queries": asked, "l2": L2, "load": load, "quick": quick, "machine": platform.processor() or platform.machine()}
    table = pd.concat([found.assign(data=name) for name, found in tables.items()], ignore_index=True)
    report(figures, table, flipped_labels(noisy, wrong), facts, settings.out)


def report(figures: Mapping[str, float], table: pd.DataFrame, flipped: pd.DataFrame, facts: dict[str, Any], out: Path) -> None:
    """Print the tables and the bars, and keep the numbers and the chart."""
    for name, found in table.groupby("data", sort=False):
        print(f"{name}\n{found.drop(columns='data').to_string(index=False, float_format='{:.3f}'.format)}\n")
    print(flipped.to_string(index=False, float_format="{:.3f}".format), "\n")
    for name, (side, bar) in BARS.items():
        met = figures[name] >= bar if side == "at least" else figures[name] <= bar
        print(f"{MET[None if facts['quick'] else bool(met)]:6} {name}: {figures[name]:.8g}, {side} {bar:g}")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in {**facts, **{k: v for k, v in figures.items() if k not in BARS}}.items()))
    out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "figures": dict(figures), "class or instance": table.to_dict("records"), "flipped labels": flipped.to_dict("records")}
    (out / "representers.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(table), out / "representers.png")


if __name__ == "__main__":
    main()
