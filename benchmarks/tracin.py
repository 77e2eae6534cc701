"""TracIn of 10,000 MNIST images on 100 queries at five checkpoints: wherefrom's seconds beside captum's, dattri's and the physical limit.

Four models (four_models.py), the same weights, images, learning rates, float32 and threads for every engine, each in turn in
three rounds after a warm-up; the middle round counts. captum's `TracInCP` runs in both of its forms, a loop over examples
(its default) and sample-wise gradients from hooks; the faster one whose scores agree gives the ratio. dattri's
`TracInAttributor` runs without its projection. Engines that write gradients out get the first `--peer-images` images in each
round, and their seconds are scaled: in proportion to the images for dattri, which takes the queries' gradients anew for each
batch, and in proportion to images plus queries for captum, which takes them once. captum's `TracInCPFast` leaves the bias of
the last layer out, so its scores are held against those of the weight alone, while wherefrom is timed with the bias.
The limit is that of four_models.py: passes over the images at each checkpoint, and the products at the speed of `torch.mm`; with the
last layer alone the passes go forward only. Beside wherefrom's seconds stands what `wherefrom.plan` foretold.
Writes tracin.json and tracin.png. `--quick` takes 200 images of 7 × 7 pixels, 5 queries and 2 checkpoints.
"""

import argparse
import json
import os
import platform
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # dattri's progress bars cannot be turned off otherwise

import altair as alt
import pandas as pd
import torch
from four_models import Limit, State, Task, mm_speed, plain_passes, score_products, seconds, tasks
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import wherefrom as wf

ALL, LAST = "all layers", "last layer"
OURS, FAST, DATTRI = "wherefrom TracIn", "captum TracInCPFast", "dattri TracInAttributor"
CAPTUM, LOOP, HOOKS = "captum TracInCP,", "captum TracInCP, loop", "captum TracInCP, sample-wise"
AGREE, LIMIT, FASTER = 1e-4, 3.0, 2.0
BARS = {("MLP", CAPTUM): 60.0, ("CNN", CAPTUM): 3.0, ("MLP", DATTRI): 60.0, ("CNN", DATTRI): 15.0}
LIMITED = ("MLP", "CNN")
Limits = dict[tuple[str, str], Limit]  # of a model and its layers
MET = {True: "met", False: "MISSED", None: "open"}
WARM = 64  # images of the warm-up


@dataclass(frozen=True, eq=False)
class Engine:
    """``score`` gives (queries, images) for the first images of a task.

    In a round it gets ``images`` of them; ``once`` says whether the queries are prepared once and so weigh like images in the scaling.
    """

    name: str
    layers: str
    score: Callable[[Task, int], Tensor]
    images: int
    once: bool = False

    def scale(self, task: Task) -> float:
        extra = len(task.queries[1]) * self.once
        return (len(task.train[1]) + extra) / (self.images + extra)


@dataclass(frozen=True, eq=False)
class Result:
    """An engine's seconds in each round, scaled to all images, and how far its scores lie from wherefrom's."""

    model: str
    engine: str
    layers: str
    images: int
    scale: float
    rounds: list[float]
    difference: float | None
    note: str = ""
    planned: float | None = None

    @property
    def seconds(self) -> float | None:
        return median(self.rounds) if self.rounds else None

    @property
    def agrees(self) -> bool:
        return self.difference is not None and self.difference <= AGREE

    def row(self) -> dict[str, Any]:
        return {**vars(self), "seconds": self.seconds}


PARAMETERS = {ALL: None, LAST: "head.*"}


def planned(task: Task, layers: str) -> float:
    return wf.plan(wf.TracIn(task.states, task.rates, parameters=PARAMETERS[layers]), task.problem(len(task.train[1])), task.queries).seconds


def ours(patterns: str | None) -> Callable[[Task, int], Tensor]:
    def score(task: Task, images: int) -> Tensor:
        method = wf.TracIn(task.states, task.rates, parameters=patterns)
        return wf.attribute(method, task.problem(images), task.queries, progress=False).values

    return score


def captum_engines(images: int, batch: int, all_images: int) -> list[Engine]:
    """captum's three; raises ImportError where it is not installed."""
    from captum.influence import TracInCP, TracInCPFast  # pyright: ignore[reportMissingImports]

    def load(model: nn.Module, checkpoint: tuple[State, float]) -> float:
        model.load_state_dict(checkpoint[0])
        return checkpoint[1]

    def shared(task: Task, size: int, per_batch: int) -> dict[str, Any]:
        pairs = list(zip(task.states, task.rates, strict=True))
        return {"train_dataset": TensorDataset(*task.first(size)), "checkpoints": pairs, "checkpoints_load_func": load, "batch_size": per_batch}

    def every(samplewise: bool) -> Callable[[Task, int], Tensor]:
        def score(task: Task, size: int) -> Tensor:
            loss = nn.CrossEntropyLoss(reduction="sum" if samplewise else "none")
            peer = TracInCP(task.fresh(), loss_fn=loss, sample_wise_grads_per_batch=samplewise, **shared(task, size, batch))
            return peer.influence(task.queries)

        return score

    def last(task: Task, size: int) -> Tensor:
        loss = nn.CrossEntropyLoss(reduction="sum")
        return TracInCPFast(task.fresh(), "head", loss_fn=loss, **shared(task, size, 4 * batch)).influence(task.queries)

    two = [Engine(LOOP, ALL, every(False), images, True), Engine(HOOKS, ALL, every(True), images, True)]
    return [*two, Engine(FAST, LAST, last, all_images)]


def dattri_engines(images: int, batch: int) -> list[Engine]:
    """dattri's one; raises ImportError where it is not installed."""
    from dattri.algorithm import TracInAttributor  # pyright: ignore[reportMissingImports]
    from dattri.task import AttributionTask  # pyright: ignore[reportMissingImports]

    def score(task: Task, size: int) -> Tensor:
        model = task.fresh()

        def loss(parameters: State, example: tuple[Tensor, Tensor]) -> Tensor:
            image, label = example
            return cross_entropy(torch.func.functional_call(model, parameters, image[None]), label[None])

        peer = TracInAttributor(AttributionTask(loss, model, task.states), torch.tensor(task.rates), normalized_grad=False)
        peer.projector_kwargs = None  # given to the constructor, None would mean its default: 512 dimensions
        data, queries = DataLoader(TensorDataset(*task.first(size)), batch), DataLoader(TensorDataset(*task.queries), len(task.queries[1]))
        return peer.attribute(data, queries).T

    return [Engine(DATTRI, ALL, score, images)]


def engines(images: int, peer_images: int, batch: int) -> tuple[list[Engine], list[str]]:
    """wherefrom's two, those of the peers that are installed, and a line for each that is not."""
    found, missing = [Engine(OURS, layers, ours(patterns), images) for layers, patterns in PARAMETERS.items()], []
    peers = {"captum": lambda: captum_engines(peer_images, batch, images), "dattri": lambda: dattri_engines(peer_images, batch)}
    for name, made in peers.items():
        try:
            found += made()
        except ImportError as error:
            missing.append(f"{name} is not installed here ({error}), so it is not compared; `make bench` sets up an environment that has it.")
            print(missing[-1])
    return found, missing


def measured(task: Task, found: list[Engine], rounds: int) -> list[Result]:
    """Each engine in turn, ``rounds`` times after a warm-up; one that raises is left out from there on, and its result says why."""
    spent: dict[int, list[float]] = {index: [] for index in range(len(found))}
    scores: dict[int, Tensor] = {}
    failed: dict[int, str] = {}
    for turn in range(rounds + 1):
        for index, engine in enumerate(found):
            if index in failed:
                continue
            images = engine.images if turn else min(WARM, engine.images)
            try:
                taken, scores[index] = seconds(lambda engine=engine, images=images: engine.score(task, images).detach())
            except (RuntimeError, AttributeError, AssertionError, TypeError) as error:
                if engine.name == OURS:
                    raise
                failed[index] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            spent[index] += [taken * engine.scale(task)] * bool(turn)
    truth = {ALL: scores[0], LAST: ours("head.weight")(task, found[1].images) if len(found) > 2 else scores[1]}
    return [
        Result(
            task.name, engine.name, engine.layers, engine.images, engine.scale(task), spent[index] if index not in failed else [],
            None if index in failed or engine.name == OURS else difference(scores[index], truth[engine.layers]), failed.get(index, ""),
            planned(task, engine.layers) if engine.name == OURS else None,
        )
        for index, engine in enumerate(found)
    ]  # fmt: skip


def difference(values: Tensor, truth: Tensor) -> float:
    """max |a - b| / max |b| over the images that ``values`` has."""
    truth = truth[:, : values.shape[1]]
    return float((values - truth).abs().max() / truth.abs().max())


def limited(task: Task, found: list[Engine], rounds: int) -> tuple[Limits, list[Result]]:
    """The engines' results, and the limits: passes at every checkpoint, timed before and after the engines, and the products."""
    passes: dict[str, list[float]] = {ALL: [], LAST: []}

    def timed() -> float:
        for layers, spent in passes.items():
            spent += [plain_passes(task, backward=layers == ALL) for _ in range(rounds)]
        return mm_speed()

    before, results, after = timed(), measured(task, found, rounds), timed()
    times, images, queries = len(task.states), len(task.train[1]), len(task.queries[1])
    products = {layers: times * score_products(task, images, queries, last=layers == LAST) for layers in passes}
    return {(task.name, layers): Limit(times * median(spent), products[layers], max(before, after)) for layers, spent in passes.items()}, results


def fastest(results: list[Result], model: str, engine: str) -> Result | None:
    """The fastest form of an engine whose scores agree."""
    forms = [r for r in results if r.model == model and r.engine.startswith(engine) and r.agrees]
    return min(forms, key=lambda r: median(r.rounds), default=None)


def checks(results: list[Result], limits: Limits, quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: what was found, what is asked (None: nothing) and whether it is met; None for times of the quick form."""
    found: dict[str, dict[str, Any]] = {}
    for model in dict.fromkeys(model for model, _ in limits):
        mine = {r.layers: median(r.rounds) for r in results if (r.model, r.engine) == (model, OURS)}
        for peer, layers, bar in ((CAPTUM, ALL, BARS.get((model, CAPTUM))), (DATTRI, ALL, BARS.get((model, DATTRI))), (FAST, LAST, FASTER)):
            best = fastest(results, model, peer)
            if best is not None:
                ratio = median(best.rounds) / mine[layers]
                met = None if quick or bar is None else ratio >= bar
                found[f"{model}, {layers}: times faster than {best.engine}"] = {"found": ratio, "at least": bar, "met": met}
        for layers, seconds_taken in mine.items():
            ratio, bar = seconds_taken / limits[model, layers].seconds, LIMIT if model in LIMITED and layers == ALL else None
            met = None if quick or bar is None else ratio <= bar
            found[f"{model}, {layers}: seconds over the physical limit"] = {"found": ratio, "at most": bar, "met": met}
    for result in results:
        if result.difference is not None:
            # without rules for LayerNorm and Embedding, captum's hooks leave them out and say nothing
            bar = None if (result.model, result.engine) == ("transformer", HOOKS) else AGREE
            met = None if bar is None else result.agrees
            found[f"{result.model}: difference of {result.engine}"] = {"found": result.difference, "at most": bar, "met": met}
    return found


def chart(results: list[Result], limits: Limits) -> alt.TopLevelMixin:
    """Seconds of each engine on a logarithmic scale, the physical limit of all layers as a line, one panel per model."""
    drawn = [r for r in results if r.rounds]
    rows = [{"model": r.model, "engine": f"{r.engine}, {r.layers}" if r.engine == OURS else r.engine, "seconds": r.seconds} for r in drawn]
    table = pd.DataFrame([{**row, "whose": row["engine"].split()[0], "limit": limits[row["model"], ALL].seconds} for row in rows])
    table["label"] = [f"{value:.3g} s" for value in table["seconds"]]
    base = alt.Chart().encode(
        x=alt.X("seconds:Q", scale=alt.Scale(type="log"), title="seconds (line: physical limit of all layers)"),
        y=alt.Y("engine:N", sort=list(dict.fromkeys(table["engine"])), title=None, axis=alt.Axis(labelLimit=240)),
    )  # fmt: skip
    colour = alt.Color("whose:N", scale=alt.Scale(domain=["wherefrom", "captum", "dattri"], range=["#2f6fb0", "#c99a2e", "#8a8a8a"]), legend=None)
    layers = [alt.Chart().mark_rule(strokeDash=[4, 3]).encode(x="min(limit):Q"), base.mark_circle(size=90, opacity=1).encode(color=colour)]
    pictures = alt.layer(*layers, base.mark_text(align="left", dx=8).encode(text="label:N"), data=table).properties(width=460)
    return pictures.facet(row=alt.Row("model:N", sort=list(dict.fromkeys(table["model"])), title=None)).properties(
        title="TracIn of the training images on the queries"
    )


def report(results: list[Result], limits: Limits, facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers and the chart."""
    over = [median(r.rounds) / limits[r.model, r.layers].seconds if r.rounds else None for r in results]
    shown = [{**r.row(), "slowest": max(r.rounds, default=None), "over limit": ratio} for r, ratio in zip(results, over, strict=True)]
    columns = ["model", "engine", "layers", "images", "seconds", "slowest", "planned", "over limit", "difference", "note"]
    print(pd.DataFrame(shown)[columns].to_string(index=False, na_rep="-", float_format="{:.3g}".format))
    print("\nimages: as many as the engine was given in a round; its seconds are scaled to all of them.\n")
    for (model, layers), bound in limits.items():
        print(f"limit of {model}, {layers}: {bound.seconds:.3g} s, of it passes {bound.passes:.3g} s")
    bars = checks(results, limits, facts["quick"])
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        asked = "no bar" if bar[side] is None else f"{side} {bar[side]:g}"
        print(f"{'' if bar[side] is None else MET[bar['met']]:6} {name}: {bar['found']:.3g}, {asked}")
    words = ", ".join(f"{facts[name]} {name}" for name in ("images", "queries", "checkpoints", "threads"))
    print(f"\n{words}, on {facts['machine']}, load {facts['load average']:.1f}")
    out.mkdir(parents=True, exist_ok=True)
    kept = {
        **facts,
        "results": [r.row() for r in results],
        "limits": [{"model": model, "layers": layers, **bound.row()} for (model, layers), bound in limits.items()],
        "bars": bars,
    }
    (out / "tracin.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(results, limits), out / "tracin.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, help="2, and 1 with --quick")
    arguments.add_argument("--peer-images", type=int, default=1000, help="images a round for peers that write gradients out (1000)")
    arguments.add_argument("--peer-batch", type=int, default=250, help="images in each of their batches; TracInCPFast gets four times as many (250)")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(settings.threads or (1 if settings.quick else 2))
    warnings.filterwarnings("ignore", module="captum|dattri|torch")
    load, quick = os.getloadavg()[0], settings.quick
    images, queries, checkpoints = (200, 5, 2) if quick else (10_000, 100, 5)
    found, missing = engines(images, min(images, settings.peer_images), settings.peer_batch)
    results: list[Result] = []
    limits: Limits = {}
    models: dict[str, Any] = {}
    for task in tasks(images, queries, checkpoints, quick):
        bounds, scored = limited(task, found, settings.rounds)
        models[task.name], limits, results = task.facts(), limits | bounds, results + scored
    facts = {
        "quick": quick, "images": images, "queries": queries, "checkpoints": checkpoints, "rounds": settings.rounds, "models": models,
        "peer images": settings.peer_images, "peer batch": settings.peer_batch, "not compared": missing,
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__,
    }  # fmt: skip
    report(results, limits, facts, settings.out)


if __name__ == "__main__":
    main()
