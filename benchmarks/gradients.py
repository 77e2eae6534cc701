"""Per-example gradients of a batch, written out and in inner products: wherefrom beside vmap of torch.func.grad and Opacus-style hooks.

Four models (four_models.py) after their training on 10,000 MNIST images, one batch of 256 of these and 100 queries in float32.
"written out" is the table (images, parameters) in parameter order; "gradient dot" the products (queries, images) of all
gradients, those of the queries taken anew by every engine. The Opacus-style engine captures each layer's input and what its
output changes, and multiplies the two out per example, as Opacus does. Each engine runs in turn, `--repeats` batches in
each of three rounds after a warm-up; the middle round counts. The physical limit beside them is the plain forward and backward
passes and the multiplications, those that write the table out or those of the cheapest products, at the speed of `torch.mm`.
Writes gradients.json and gradients.png. `--quick` takes 200 images of 7 × 7 pixels, of them a batch of 16, and 5 queries.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt
import pandas as pd
import torch
from four_models import Limit, Task, mm_speed, score_products, seconds, tasks, written_out
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, layer_norm, one_hot, unfold

import wherefrom as wf
from wherefrom.gradients import Gradients

TABLE, DOT = "written out", "gradient dot"
OURS, VMAP, HOOKS = "wherefrom Gradients", "vmap of torch.func.grad", "Opacus-style hooks"
AGREE = 1e-4
MET = {True: "met", False: "MISSED", None: "open"}
Pair = tuple[Tensor, Tensor]
Table = Callable[[Pair], Tensor]


@dataclass(frozen=True, eq=False)
class Result:
    """Seconds a batch in each round, and max |a - b| / max |b| from wherefrom's values."""

    model: str
    engine: str
    what: str
    rounds: list[float]
    difference: float | None

    @property
    def seconds(self) -> float:
        return median(self.rounds)

    def row(self) -> dict[str, Any]:
        return {**vars(self), "seconds": self.seconds}


def wherefrom_engine(task: Task, size: int) -> tuple[Table, Callable[[Pair, Pair], Tensor]]:
    """Both forms; layer rules are found once, before the clock runs."""
    problem = task.problem(size)
    gradients = Gradients(problem)

    def rows(pair: Pair) -> Any:
        (batch,) = problem.batches(problem.examples(pair), size=len(pair[1]))
        return gradients.losses(batch)

    return torch.no_grad()(lambda pair: rows(pair).flat()), torch.no_grad()(lambda queries, batch: rows(queries).dot(rows(batch)))


def by_vmap(task: Task) -> Table:
    """vmap of torch.func.grad, its parts side by side."""
    model = task.fresh()
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(torch.func.functional_call(model, parameters, image[None]), label[None])

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    return lambda pair: torch.cat([part.flatten(1) for part in each(parameters, *pair).values()], 1)


def by_hooks(task: Task) -> Table:
    """One forward and one backward pass with hooks, then each layer's gradients by einsum."""
    model, kept = task.fresh(), dict[str, tuple[Tensor, Tensor]]()
    layers = {name: module for name, module in model.named_modules() if list(module.parameters(recurse=False))}

    def seen(name: str, module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
        given = arguments[0].detach()
        output.register_hook(lambda change: kept.__setitem__(name, (given, change)))

    for name, module in layers.items():
        module.register_forward_hook(partial(seen, name))

    def table(pair: Pair) -> Tensor:
        total = cross_entropy(model(pair[0]), pair[1], reduction="sum")
        torch.autograd.grad(total, list(model.parameters()))
        found: dict[str, Tensor] = {}
        for name, module in layers.items():
            found |= {f"{name}.{key}": value for key, value in of_layer(module, *kept[name]).items()}
        return torch.cat([found[name].flatten(1) for name, _ in model.named_parameters()], 1)

    return table


def of_layer(module: nn.Module, a: Tensor, d: Tensor) -> dict[str, Tensor]:
    """Per-example gradients of one layer from its input and the loss's change with its output, as Opacus writes them out."""
    if isinstance(module, nn.Linear):
        return {"weight": torch.einsum("n...o,n...i->noi", d, a), "bias": torch.einsum("n...o->no", d)}
    if isinstance(module, nn.Conv2d):
        padding = module.padding if isinstance(module.padding, tuple) else 0
        a, d = unfold(a, module.weight.shape[2:], module.dilation, padding, module.stride), d.flatten(2)  # pyright: ignore[reportArgumentType]
        return {"weight": torch.einsum("not,nit->noi", d, a), "bias": d.sum(2)}
    if isinstance(module, nn.LayerNorm):
        return {"weight": (layer_norm(a, module.normalized_shape, eps=module.eps) * d).sum(1), "bias": d.sum(1)}
    assert isinstance(module, nn.Embedding), f"there is no rule for {type(module).__name__}"
    return {"weight": torch.einsum("ntv,nto->nvo", one_hot(a, module.num_embeddings).to(d.dtype), d)}


def engines(task: Task, size: int) -> dict[tuple[str, str], Callable[[Pair, Pair], Tensor]]:
    """(engine, what) -> values of (queries, batch)."""
    table, dot = wherefrom_engine(task, size)
    found: dict[tuple[str, str], Callable[[Pair, Pair], Tensor]] = {(OURS, TABLE): lambda _, batch: table(batch), (OURS, DOT): dot}
    for name, made in ((VMAP, by_vmap(task)), (HOOKS, by_hooks(task))):
        found[name, TABLE] = lambda _, batch, made=made: made(batch)
        found[name, DOT] = lambda queries, batch, made=made: made(queries) @ made(batch).T
    return found


def measured(task: Task, size: int, rounds: int, repeats: int) -> tuple[list[Result], dict[str, Limit]]:
    """Every engine and the plain passes in turn, ``repeats`` batches a round; each agreement and each limit."""
    batch, found, model = task.first(size), engines(task, size), task.fresh()
    spent: dict[tuple[str, str], list[float]] = {key: [] for key in found}
    passes: dict[str, list[float]] = {TABLE: [], DOT: []}
    truth: dict[str, Tensor] = {}
    apart: dict[tuple[str, str], float | None] = {}

    def plain(*pairs: Pair) -> None:
        for X, y in pairs:
            torch.autograd.grad(cross_entropy(model(X), y, reduction="sum"), list(model.parameters()))

    for turn in range(rounds + 1):
        times = repeats if turn else 1
        for (name, what), work in found.items():
            taken = sum(seconds(lambda work=work: work(task.queries, batch))[0] for _ in range(times)) / times
            spent[name, what] += [taken] * bool(turn)
            if not turn:
                values = work(task.queries, batch).detach()
                truth.setdefault(what, values)
                apart[name, what] = None if name == OURS else float((values - truth[what]).abs().max() / truth[what].abs().max())
        for what, pairs in ((TABLE, [batch]), (DOT, [batch, task.queries])):
            taken = seconds(lambda pairs=pairs, times=times: [plain(*pairs) for _ in range(times)])[0] / times
            passes[what] += [taken] * bool(turn)
    products = {TABLE: written_out(task, size), DOT: score_products(task, size, len(task.queries[1]))}
    speed = mm_speed()
    limits = {what: Limit(median(passes[what]), products[what], speed) for what in (TABLE, DOT)}
    return [Result(task.name, name, what, times, apart[name, what]) for (name, what), times in spent.items()], limits


def checks(results: list[Result], limits: dict[str, dict[str, Limit]], quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: wherefrom is at least as fast as either, agreement; the distance from the limit has none."""
    found: dict[str, dict[str, Any]] = {}
    mine = {(r.model, r.what): r.seconds for r in results if r.engine == OURS}
    for r in results:
        if r.difference is not None:
            ratio = r.seconds / mine[r.model, r.what]
            found[f"{r.model}, {r.what}: times faster than {r.engine}"] = {"found": ratio, "at least": 1.0, "met": None if quick else ratio >= 1.0}
            found[f"{r.model}, {r.what}: difference of {r.engine}"] = {"found": r.difference, "at most": AGREE, "met": r.difference <= AGREE}
    for (model, what), taken in mine.items():
        ratio = taken / limits[model][what].seconds
        found[f"{model}, {what}: seconds over the physical limit"] = {"found": ratio, "at most": None, "met": None}
    return found


def chart(results: list[Result], limits: dict[str, dict[str, Limit]]) -> alt.TopLevelMixin:
    """Milliseconds a batch on a logarithmic scale, the physical limit as a line, one panel per model and kind."""
    rows = [{"model": r.model, "engine": r.engine, "what": r.what, "ms": 1e3 * r.seconds} for r in results]
    table = pd.DataFrame([{**row, "limit": 1e3 * limits[row["model"]][row["what"]].seconds} for row in rows])
    table["label"] = [f"{value:.3g} ms" for value in table["ms"]]
    base = alt.Chart().encode(
        x=alt.X("ms:Q", scale=alt.Scale(type="log"), title="milliseconds a batch (line: physical limit)"),
        y=alt.Y("engine:N", sort=[OURS, VMAP, HOOKS], title=None, axis=alt.Axis(labelLimit=240)),
    )  # fmt: skip
    colour = alt.Color("engine:N", scale=alt.Scale(domain=[OURS, VMAP, HOOKS], range=["#2f6fb0", "#c99a2e", "#8a8a8a"]), legend=None)
    parts = [
        alt.Chart().mark_rule(strokeDash=[4, 3]).encode(x="min(limit):Q"),
        base.mark_circle(size=90, opacity=1).encode(color=colour),
        base.mark_text(align="left", dx=8).encode(text="label:N"),
    ]
    pictures = alt.layer(*parts, data=table).properties(width=320)
    return pictures.facet(row=alt.Row("model:N", sort=list(limits), title=None), column=alt.Column("what:N", sort=[TABLE, DOT], title=None))


def report(results: list[Result], limits: dict[str, dict[str, Limit]], facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers and the chart."""
    shown = [{**r.row(), "over limit": r.seconds / limits[r.model][r.what].seconds} for r in results]
    columns = ["model", "what", "engine", "seconds", "over limit", "difference"]
    print(pd.DataFrame(shown)[columns].sort_values(["model", "what"]).to_string(index=False, na_rep="-", float_format="{:.3g}".format))
    bars = checks(results, limits, facts["quick"])
    print()
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        asked = "no bar" if bar[side] is None else f"{side} {bar[side]:g}"
        print(f"{'' if bar[side] is None else MET[bar['met']]:6} {name}: {bar['found']:.3g}, {asked}")
    words = ", ".join(f"{facts[name]} {name}" for name in ("batch", "queries", "repeats", "threads"))
    print(f"\n{words}, on {facts['machine']}, load {facts['load average']:.1f}")
    out.mkdir(parents=True, exist_ok=True)
    bounds = {model: {what: bound.row() for what, bound in mine.items()} for model, mine in limits.items()}
    (out / "gradients.json").write_text(json.dumps({**facts, "results": [r.row() for r in results], "limits": bounds, "bars": bars}, indent=1))
    wf.plot.save(chart(results, limits), out / "gradients.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--repeats", type=int, default=5, help="batches in each round (5)")
    arguments.add_argument("--threads", type=int, help="2, and 1 with --quick")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(settings.threads or (1 if settings.quick else 2))
    load, quick = os.getloadavg()[0], settings.quick
    images, size, queries = (200, 16, 5) if quick else (10_000, 256, 100)
    results, limits, models = [], {}, {}
    for task in tasks(images, queries, 1, quick):
        scored, limits[task.name] = measured(task, size, settings.rounds, settings.repeats)
        results, models[task.name] = results + scored, task.facts()
    facts = {
        "quick": quick, "images": images, "batch": size, "queries": queries, "rounds": settings.rounds, "repeats": settings.repeats,
        "models": models, "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(),
        "load average": load, "torch": torch.__version__,
    }  # fmt: skip
    report(results, limits, facts, settings.out)


if __name__ == "__main__":
    main()
