"""EK-FAC influence of 10,000 MNIST images on 100 queries: wherefrom's seconds, fit and scores, beside kronfluence's and the physical limit.

The MLP 784-256-128-10 and the CNN of four_models.py after five epochs, the same weights, images and queries, float32, each engine in turn in
`--rounds` rounds (3) after a small warm-up; the middle round counts. Both fit on labels drawn from the model, one for each image, damp each layer
by a tenth of its mean eigenvalue, and score every image for every query; self-influence is timed apart, on fitted factors.
Since each draws labels of its own, the two libraries' scores cannot be equal. wherefrom's are held against dense EK-FAC with the same factors
(Pearson 0.9999 or more), kronfluence's are told beside those of wherefrom with another seed.
The limit: the plain forward and backward passes three times (factors, eigenvalues, scores), and the products of factors, eigenvalues and
scores, 9 (o³ + i³) for eigenvectors, at the speed of `torch.mm`. Writes ekfac.json and ekfac.png. `--quick` takes 200 images of 7 × 7 pixels.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from four_models import Limit, Task, layer_shapes, mm_speed, plain_passes, seconds, tasks
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf
from wherefrom.curvature.eigen_inverse import EigenInverse

OURS, PEER = "wherefrom EKFAC", "kronfluence"
SCORES, OWN = "fit and scores", "self-influence"
BARS = {("MLP", SCORES): 20.0, ("CNN", SCORES): 3.0, ("MLP", OWN): 100.0}
CLOSE, LIMIT, WARM = 0.9999, 3.0, 64
MET = {True: "met", False: "MISSED", None: "open"}
Engine = Callable[[Task, int], tuple[dict[str, float], Tensor]]


@dataclass(frozen=True, eq=False)
class Result:
    """An engine's seconds for the scores of all queries, with the fit, and for self-influence without it."""

    model: str
    engine: str
    what: str
    rounds: list[float]

    @property
    def seconds(self) -> float:
        return median(self.rounds)


def ours(task: Task, images: int, seed: int = 0, tolerance: float | None = None) -> tuple[dict[str, float], Tensor]:
    problem, solver = task.problem(images), wf.Eigen() if tolerance is None else wf.Eigen(tolerance=tolerance)

    def scored() -> tuple[wf.solvers.FittedIHVP, Tensor]:
        ihvp = wf.IHVP(wf.EKFAC(seed=seed), solver).fit(problem)
        return ihvp, wf.attribute(wf.InfluenceFunction(ihvp), problem, task.queries, progress=False).values

    spent, (ihvp, values) = seconds(scored)
    own, _ = seconds(lambda: wf.self_influence(wf.InfluenceFunction(ihvp), problem, progress=False))
    return {SCORES: spent, OWN: own}, values


def kronfluence_engine(batch: int) -> Engine:
    """kronfluence's; raises ImportError where it is not installed."""
    from kronfluence.analyzer import Analyzer, prepare_model  # pyright: ignore[reportMissingImports]
    from kronfluence.arguments import FactorArguments, ScoreArguments  # pyright: ignore[reportMissingImports]
    from kronfluence.task import Task as Asked  # pyright: ignore[reportMissingImports]
    from torch.utils.data import TensorDataset

    class Classification(Asked):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
            images, labels = batch
            logits = model(images)
            if sample:
                with torch.no_grad():
                    labels = torch.multinomial(logits.detach().softmax(-1), 1).flatten()
            return cross_entropy(logits, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
            return self.compute_train_loss(batch, model)

    def score(task: Task, images: int) -> tuple[dict[str, float], Tensor]:
        asked = Classification()
        model, train = prepare_model(task.fresh(), asked), TensorDataset(*task.first(images))
        arguments = ScoreArguments(damping_factor=None)
        with tempfile.TemporaryDirectory() as folder:
            analyzer = Analyzer("bench", model, asked, cpu=True, disable_tqdm=True, disable_model_save=True, output_dir=folder, log_level=50)

            def scored() -> Tensor:
                analyzer.fit_all_factors("ekfac", train, per_device_batch_size=batch, factor_args=FactorArguments(strategy="ekfac"))
                analyzer.compute_pairwise_scores(
                    "pairs", "ekfac", TensorDataset(*task.queries), train, per_device_query_batch_size=100, per_device_train_batch_size=batch,
                    score_args=arguments,
                )  # fmt: skip
                return analyzer.load_pairwise_scores("pairs")["all_modules"]

            spent, values = seconds(scored)
            own, _ = seconds(lambda: analyzer.compute_self_scores("own", "ekfac", train, per_device_train_batch_size=batch, score_args=arguments))
        return {SCORES: spent, OWN: own}, values

    return score


def limit(task: Task, passes: float, speed: float) -> Limit:
    """Three passes, and the products of one's own way: factors, eigenvalues, and scores by outer products or written out."""
    images, queries = len(task.train[1]), len(task.queries[1])
    ihvp = wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(task.problem(images))
    assert isinstance(ihvp.inverse, EigenInverse)
    total = 0
    for place, (t, i, o) in enumerate(layer_shapes(task)):
        turn = images * min(t * (i * i + o * o) + t * i * o * (t > 1), (t + o + i) * o * i)
        total += images * t * (i * i + o * o) + 9 * (i**3 + o**3) + turn + images * i * o * (t == 1)
        thin = ihvp.inverse.low_rank(place, o) if t == 1 else None
        written = queries * images * o * i + images * t * i * o * (t > 1)
        total += written if thin is None else min(written, queries * images * thin.rows.shape[1] * (i + o) + images * (i * i + o * o))
    return Limit(3 * passes, total, speed)


def pearson(left: Tensor, right: Tensor) -> float:
    """The least correlation of a query's scores."""
    return min(float(np.corrcoef(mine, theirs)[0, 1]) for mine, theirs in zip(left, right, strict=True))


def measured(task: Task, engines: dict[str, Engine], rounds: int) -> tuple[list[Result], Limit, dict[str, float]]:
    """Every engine in turn, the limit, and how the scores agree."""
    spent: dict[tuple[str, str], list[float]] = {(name, what): [] for name in engines for what in (SCORES, OWN)}
    scores: dict[str, Tensor] = {}
    passes = [plain_passes(task)]
    for turn in range(rounds + 1):
        for name, score in engines.items():
            found, scores[name] = score(task, len(task.train[1]) if turn else min(WARM, len(task.train[1])))
            for what, taken in found.items():
                spent[name, what] += [taken] * bool(turn)
        passes.append(plain_passes(task))
    exact, other = (ours(task, len(task.train[1]), seed, 0.0)[1] for seed in (0, 1))
    agreement = {"dense EK-FAC, same factors": pearson(scores[OURS], exact), "wherefrom with another seed": pearson(other, exact)}
    if PEER in scores:
        agreement[PEER] = pearson(scores[PEER], exact)
    results = [Result(task.name, name, what, rounds_of) for (name, what), rounds_of in spent.items()]
    return results, limit(task, median(passes), mm_speed()), agreement


def checks(results: list[Result], limits: dict[str, Limit], agreements: dict[str, dict[str, float]], quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: what was found, what is asked and whether it is met; None for times of the quick form."""
    found: dict[str, dict[str, Any]] = {}
    taken = {(r.model, r.engine, r.what): r.seconds for r in results}
    for model, bound in limits.items():
        for what in (SCORES, OWN):
            if (model, PEER, what) in taken:
                ratio, bar = taken[model, PEER, what] / taken[model, OURS, what], BARS.get((model, what))
                met = None if quick or bar is None else ratio >= bar
                found[f"{model}, {what}: times faster than {PEER}"] = {"found": ratio, "at least": bar, "met": met}
        ratio = taken[model, OURS, SCORES] / bound.seconds
        found[f"{model}, {SCORES}: seconds over the physical limit"] = {"found": ratio, "at most": LIMIT, "met": None if quick else ratio <= LIMIT}
        for what, value in agreements[model].items():
            bar = CLOSE if what.startswith("dense") else None
            found[f"{model}: least correlation of a query's scores with {what}"] = {"found": value, "at least": bar, "met": bar and value >= bar}
    return found


def chart(results: list[Result], limits: dict[str, Limit]) -> alt.TopLevelMixin:
    """Seconds on a logarithmic scale, one row for each engine and task, one panel per model."""
    rows = [{"model": r.model, "engine": f"{r.engine}, {r.what}", "whose": r.engine.split()[0], "seconds": r.seconds} for r in results]
    rows += [{"model": name, "engine": f"limit, {SCORES}", "whose": "limit", "seconds": bound.seconds} for name, bound in limits.items()]
    table = pd.DataFrame([{**row, "label": f"{row['seconds']:.3g} s"} for row in rows])
    y = alt.Y("engine:N", sort=list(dict.fromkeys(table["engine"])), title=None, axis=alt.Axis(labelLimit=240))
    base = alt.Chart().encode(x=alt.X("seconds:Q", scale=alt.Scale(type="log"), title="seconds"), y=y)
    colours = alt.Scale(domain=["wherefrom", "kronfluence", "limit"], range=["#2f6fb0", "#c99a2e", "#222222"])
    dots = base.mark_circle(size=90, opacity=1).encode(color=alt.Color("whose:N", scale=colours, legend=None))
    pictures = alt.layer(dots, base.mark_text(align="left", dx=8).encode(text="label:N"), data=table).properties(width=460)
    return pictures.facet(row=alt.Row("model:N", sort=list(limits), title=None)).properties(title="EK-FAC influence of the training images")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--models", nargs="+", choices=("MLP", "CNN"), default=("MLP", "CNN"))
    arguments.add_argument("--threads", type=int, help="2, and 1 with --quick")
    arguments.add_argument("--peer-batch", type=int, default=500, help="images in each of kronfluence's batches (500)")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(settings.threads or (1 if settings.quick else 2))
    load, quick = os.getloadavg()[0], settings.quick
    images, queries, epochs = (200, 5, 2) if quick else (10_000, 100, 5)
    engines: dict[str, Engine] = {OURS: ours}
    try:
        engines[PEER] = kronfluence_engine(settings.peer_batch)
    except ImportError as error:
        print(f"kronfluence is not installed here ({error}), so it is not compared; `make bench` sets up an environment that has it.")
    results: list[Result] = []
    limits: dict[str, Limit] = {}
    agreements: dict[str, dict[str, float]] = {}
    for task in tasks(images, queries, epochs, quick, settings.models):
        found, limits[task.name], agreements[task.name] = measured(task, engines, settings.rounds)
        results += found
    shown = pd.DataFrame([{**vars(r), "seconds": r.seconds, "slowest": max(r.rounds)} for r in results])
    print(shown[["model", "engine", "what", "seconds", "slowest"]].to_string(index=False, float_format="{:.3g}".format), "\n")
    bars = checks(results, limits, agreements, quick)
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        asked = "no bar" if bar[side] is None else f"{side} {bar[side]:g}"
        print(f"{'' if bar[side] is None else MET[bar['met']]:6} {name}: {bar['found']:.5g}, {asked}")
    facts = {
        "quick": quick, "images": images, "queries": queries, "rounds": settings.rounds, "peer batch": settings.peer_batch, "compared": list(engines),
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__,
    }  # fmt: skip
    print("\n" + ", ".join(f"{name}: {facts[name]}" for name in ("images", "queries", "threads", "machine", "load average")))
    settings.out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "results": [{**vars(r), "seconds": r.seconds} for r in results], "limits": {n: b.row() for n, b in limits.items()}, "bars": bars}
    (settings.out / "ekfac.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(results, limits), settings.out / "ekfac.png")


if __name__ == "__main__":
    main()
