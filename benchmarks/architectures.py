"""Every parameter's gradients of architectures in use today against autograd one example at a time, and the time that scores of two queries take.

The models of architecture_zoo.py (random weights) at a tiny size (hidden 64; 12 examples of at most 32 positions for the comparison) in float32 and
float64: the largest difference of each chosen parameter from a loop of `autograd.grad`, beside that parameter's own largest entry; gradients that
vanish but for rounding (a key's bias, say) are held beside the largest of all. Where a model computes in a coarser type inside, autograd's own
rounding is told: how far a third of the gradient of three times the loss is from it. "by rules" is the share of parameters that goes neither to
`torch.func` nor to one example at a time. "invariance" is the largest such difference, in float64 where the model knows it, over batch sizes,
orders, company and, for language, longer padding and padding on the other side; where the model itself says something else then (absolute places),
against the loop on the padded data. Speed, one thread, at the tiny size (32 examples of 32 positions) and the middle one (hidden 256, 16 of 64):
gradients of all examples and their products with the gradients of 2 queries, over one plain forward and backward pass of training plus the counted
multiplications of the products at the speed of `torch.mm`; and a loop of `autograd.grad` and a `vmap` of `torch.func.grad` over wherefrom. Times
are processor time, the least of `--rounds` rounds in turn. Writes architectures.json and architectures.md; `--markdown FILE` puts the table between
its two marks in a page. `--quick` compares four architectures.
"""

import argparse
import json
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from architecture_zoo import ARCHITECTURES, MIDDLE, TINY, Architecture, Data, Size
from four_models import mm_speed
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.gradients.plan import layer_plans

COMPARED, QUERIES, LONGER = 12, 2, 5
QUICK = ("Llama", "DeBERTa-v3", "ResNet", "IA3 on Llama")
EXACT = {"float32": 1e-5, "float64": 1e-10}  # of a parameter's largest gradient
VANISHING = {"float32": 1e-6, "float64": 1e-12}  # of the largest gradient of all
INVARIANT, FACTOR, BY_RULES = 1e-6, 1.4, 36
SAME = 4  # times autograd's difference from itself
QUICKEST = ("decoder", "encoder", "vision")  # held to FACTOR
SLOW = ("torch.func", "one example at a time")
BEGIN, END = "<!-- architectures: begin -->", "<!-- architectures: end -->"
MET = {True: "met", False: "MISSED", None: "open"}


@dataclass(frozen=True)
class Speed:
    """Seconds of one batch: a plain pass, the products' multiplications, scores by each way; None where ``torch.func`` cannot map the model."""

    size: str
    plain: float
    products: float
    wherefrom: float
    loop: float
    vmap: float | None

    @property
    def over_limit(self) -> float:
        return self.wherefrom / (self.plain + self.products)

    @property
    def over_loop(self) -> float:
        return self.loop / self.wherefrom

    @property
    def over_vmap(self) -> float | None:
        return None if self.vmap is None else self.vmap / self.wherefrom

    def row(self) -> dict[str, Any]:
        return {**vars(self), "over limit": self.over_limit, "loop over wherefrom": self.over_loop, "vmap over wherefrom": self.over_vmap}


@dataclass
class Result:
    """What was found of one architecture; ``failures`` are sentences."""

    name: str
    kind: str
    types: tuple[str, ...] = ()
    parameters: int = 0
    errors: dict[str, float] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    by_rules: float = 0.0
    fallback: dict[str, str] = field(default_factory=dict)
    rounding: dict[str, float] = field(
        default_factory=dict
    )  # autograd's difference from itself, where the bar asks for less than the model's own rounding
    variations: dict[str, float] = field(default_factory=dict)
    speeds: list[Speed] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def excess(self, dtype: str) -> float | None:
        """The difference from autograd, 0 where autograd differs as much from itself; None where the model does not know the type."""
        if self.types and dtype not in self.types:
            return None
        found = self.errors.get(dtype, float("inf"))
        return 0.0 if found <= SAME * self.rounding.get(dtype, 0.0) else found

    @property
    def invariance(self) -> float | None:
        return max(self.variations.values()) if self.variations else None

    def row(self) -> dict[str, Any]:
        return {**vars(self), "invariance": self.invariance, "speeds": [speed.row() for speed in self.speeds]}


# the loop that everything is held against


def of_rows(data: Data, rows: Any) -> Data:
    return {name: value[rows] for name, value in data.items()}


def logits(output: Any) -> Tensor:
    return next((getattr(output, name) for name in ("logits", "sample") if hasattr(output, name)), output)


def losses(architecture: Architecture, model: Callable[..., Any], data: Data) -> Tensor:
    inputs = {name: value for name, value in data.items() if name != "labels"}
    return architecture.objective.loss(logits(model(**inputs)), data["labels"])


def looped(architecture: Architecture, model: nn.Module, data: Data) -> Iterator[dict[str, Tensor]]:
    """Name -> gradient, of one example after the other."""
    chosen = {name: value for name, value in model.named_parameters() if value.requires_grad}
    for place in range(len(data["labels"])):
        (loss,) = losses(architecture, model, of_rows(data, slice(place, place + 1)))
        found = torch.autograd.grad(loss, list(chosen.values()), allow_unused=True)
        yield {name: torch.zeros_like(at) if value is None else value for (name, at), value in zip(chosen.items(), found, strict=True)}


def oracle(architecture: Architecture, model: nn.Module, data: Data) -> dict[str, Tensor]:
    rows = list(looped(architecture, model, data))
    return {name: torch.stack([row[name].flatten() for row in rows]) for name in rows[0]}


def of_type(data: Data, dtype: torch.dtype) -> Data:
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in data.items()}


# exactness


def problem_of(architecture: Architecture, model: nn.Module, data: Data) -> wf.Problem:
    return wf.Problem.of(model, architecture.objective, data)


def written(problem: wf.Problem, gradients: Gradients, data: Data, size: int) -> dict[str, Tensor]:
    """Name -> wherefrom's gradients of these examples in batches of a size."""
    rows = [gradients.losses(batch).flat() for batch in problem.batches(problem.examples(data), size=size)]
    return {name: value.flatten(1) for name, value in gradients.layout.split(torch.cat(rows)).items()}


def differences(found: dict[str, Tensor], true: dict[str, Tensor], dtype: str) -> dict[str, float]:
    """Parameter -> max |found - true| beside its own largest gradient, or beside the largest of all where its own vanishes."""
    largest = max(float(value.abs().max()) for value in true.values())
    errors = {}
    for name, value in true.items():
        own = float(value.abs().max())
        scale = own if own > VANISHING[dtype] * largest else largest
        errors[name] = float((found[name] - value).abs().max()) / scale if scale else 0.0
    return errors


def padded(data: Data, side: str, by: int = LONGER) -> Data:
    """Tokens, mask and labels with more padding at their right end, or all of it at the left."""
    found = dict(data)
    length = data["attention_mask"].shape[1]
    for name, value in data.items():
        if name not in ("input_ids", "attention_mask", "labels") or value.dim() != 2 or value.shape[1] != length:
            continue
        fill = -100 if name == "labels" else 0
        found[name] = torch.cat([value, value.new_full((len(value), by), fill)], 1)
        if side == "left":
            found[name] = torch.stack(
                [row.roll(length + by - int(mask.sum())) for row, mask in zip(found[name], data["attention_mask"], strict=True)]
            )
    return found


def variations(data: Data) -> Iterator[tuple[str, Data, list[int], int]]:
    """(name, data, the example that each row is, batch size) of everything that must not matter."""
    count = len(data["labels"])
    whole = list(range(count))
    yield "batches of 1", data, whole, 1
    yield "batches of 5", data, whole, 5
    backwards, company = whole[::-1], [0, 3, 3, count - 1, 1]
    yield "order", of_rows(data, backwards), backwards, count
    yield "company", of_rows(data, company), company, len(company)
    if "attention_mask" in data:
        yield "padded longer", padded(data, "right"), whole, count
        yield "padded on the left", padded(data, "left"), whole, count


def rounding(architecture: Architecture, model: nn.Module, data: Data, true: dict[str, Tensor], dtype: str) -> float:
    """The largest difference of autograd from itself: a third of the gradient of three times the loss, which is rounded elsewhere."""
    thrice = replace(architecture, objective=wf.Objective(lambda outputs, targets: 3 * architecture.objective.loss(outputs, targets)))
    again = {name: value / 3 for name, value in oracle(thrice, model, data).items()}
    return max(differences(again, true, dtype).values())


def compare(architecture: Architecture, result: Result) -> None:
    """Fill in errors, shares and invariance."""
    base, size = architecture.model(TINY), replace(TINY, examples=COMPARED)
    for dtype in architecture.types:
        kind = getattr(torch, dtype)
        model, data = deepcopy(base).to(kind), of_type(architecture.examples(size), kind)
        problem = problem_of(architecture, model, data)
        gradients = Gradients(problem)
        true = oracle(architecture, model, data)
        errors = differences(written(problem, gradients, data, COMPARED), true, dtype)
        worst = max(errors, key=lambda name: errors[name])
        result.errors[dtype], result.worst[dtype] = errors[worst], worst
        if errors[worst] > EXACT[dtype]:
            result.rounding[dtype] = rounding(architecture, model, data, true, dtype)
        if dtype == "float32":
            served = gradients.coverage.served()
            result.parameters = problem.size
            result.fallback = {name: way for name, way in served.items() if way in SLOW}
            result.by_rules = 1 - sum(problem.state[name].numel() for name in result.fallback) / problem.size
            result.failures += [f"{one.operation} is not understood ({', '.join(one.parameters)}; {one.place})" for one in gradients.coverage.unknown]
        if dtype == architecture.types[-1]:
            result.variations = invariance(architecture, problem, gradients, data, true, dtype)


def invariance(
    architecture: Architecture, problem: wf.Problem, gradients: Gradients, data: Data, true: dict[str, Tensor], dtype: str
) -> dict[str, float]:
    """Name of what must not matter -> the largest difference."""
    model, found = problem.model, {}
    with torch.no_grad():
        before = torch.cat([losses(architecture, model, of_rows(data, slice(i, i + 1))) for i in range(len(data["labels"]))])
    for name, other, rows, size in variations(data):
        expected = of_rows(true, rows)
        if name.startswith("padded"):
            with torch.no_grad():
                alone = torch.cat([losses(architecture, model, of_rows(other, slice(i, i + 1))) for i in range(len(rows))])
            if not torch.allclose(alone, before[rows], rtol=EXACT[dtype], atol=EXACT[dtype]):  # the model itself says something else
                expected = oracle(architecture, model, other)
        found[name] = max(differences(written(problem, gradients, other, size), expected, dtype).values())
    return found


# speed


def mapped(architecture: Architecture, model: nn.Module, data: Data, queries: Tensor) -> Callable[[], Tensor]:
    """Scores by vmap of torch.func.grad."""
    state = {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}

    def loss(state: dict[str, Tensor], one: Data) -> Tensor:
        return losses(architecture, lambda **inputs: functional_call(model, state, (), inputs), {k: v[None] for k, v in one.items()}).sum()

    each = vmap(grad(loss), (None, 0))
    return lambda: queries @ torch.cat([value.flatten(1) for value in each(state, data).values()], 1).T


def ways_of(architecture: Architecture, model: nn.Module, data: Data, asked: Data) -> tuple[dict[str, Callable[[], object]], int]:
    """Each way to take one batch's scores and the plain pass; the multiplications of wherefrom's products."""
    problem = problem_of(architecture, model, data)
    gradients = Gradients(problem)
    batches = list(problem.batches(size=gradients.size))
    rows = gradients.measurements(next(problem.batches(problem.examples(asked), size=QUERIES)))
    flat = rows.flat()
    chosen = [value for value in model.parameters() if value.requires_grad]
    count = sum(plan.multiplications for batch in batches for plan in layer_plans(rows, gradients.losses(batch), gradients.coverage))

    def plain() -> None:
        torch.autograd.grad(losses(architecture, model, data).sum(), chosen, allow_unused=True)

    def loop() -> Tensor:
        return torch.stack([flat @ torch.cat([value.flatten() for value in row.values()]) for row in looped(architecture, model, data)], 1)

    def ours() -> Tensor:
        with torch.no_grad():
            return torch.cat([rows.dot(gradients.losses(batch)) for batch in batches], 1)

    return {"plain": plain, "wherefrom": ours, "loop": loop, "vmap": mapped(architecture, model, data, flat)}, count


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(architecture: Architecture, name: str, size: Size, rounds: int, speed: float) -> Speed:
    """The least seconds of each way over rounds in turn, after one that warms up."""
    model, data, asked = architecture.model(size), architecture.examples(size), architecture.examples(replace(size, examples=QUERIES), 2)
    ways, count = ways_of(architecture, model, data, asked)
    spent: dict[str, list[float]] = {way: [] for way in ways}
    scores = {}
    for turn in range(rounds + 1):
        for way, work in list(ways.items()):
            try:
                if turn == 0:
                    scores[way] = work()
                else:
                    spent[way].append(min(processor_seconds(work) for _ in range(1 if way == "loop" else 2)))
            except Exception:  # whatever torch.func says of a model that it cannot map
                if way != "vmap":
                    raise
                del ways[way]
    for way in ("loop", "vmap"):
        if way in ways:
            torch.testing.assert_close(scores["wherefrom"], scores[way], rtol=1e-3, atol=1e-3 * float(scores["loop"].abs().max()))
    least = {way: min(times) for way, times in spent.items() if times}
    return Speed(name, least["plain"], count / speed, least["wherefrom"], least["loop"], least.get("vmap"))


# what comes of it


def run(architecture: Architecture, rounds: int, speed: float | None) -> Result:
    """All of one architecture; ``speed`` of torch.mm, None for no times. What fails is told, and the others go on."""
    result = Result(architecture.name, architecture.kind, architecture.types)
    steps: list[Callable[[], None]] = [lambda: compare(architecture, result)]
    for name, size in (("tiny", TINY), ("middle", MIDDLE)) if speed else ():
        steps.append(lambda name=name, size=size: result.speeds.append(measure(architecture, name, size, rounds, speed or 1.0)))
    for step in steps:
        try:
            step()
        except Exception as error:
            result.failures.append(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return result


def checks(results: list[Result], quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: what was found, what is asked, whether it is met, and of what."""
    found: dict[str, dict[str, Any]] = {}

    def most(name: str, values: dict[str, float], bar: float) -> None:
        if values:
            worst = max(values, key=lambda key: values[key])
            found[name] = {"found": values[worst], "at most": bar, "met": values[worst] <= bar, "of": worst}

    for dtype, bar in EXACT.items():
        most(f"largest difference from autograd, {dtype}", {r.name: e for r in results if (e := r.excess(dtype)) is not None}, bar)
    most(
        "largest difference by batch size, order, company and padding", {r.name: r.invariance for r in results if r.invariance is not None}, INVARIANT
    )
    whole = sum(r.by_rules == 1 for r in results)
    found["architectures with all parameters by rules"] = {"found": whole, "at least": BY_RULES, "met": None if quick else whole >= BY_RULES}
    speeds = {f"{r.name}, {speed.size}": (r.kind, speed) for r in results for speed in r.speeds}
    most("seconds over a plain pass and products", {name: s.over_limit for name, (kind, s) in speeds.items() if kind in QUICKEST}, FACTOR)
    most("seconds over a loop", {name: 1 / s.over_loop for name, (_, s) in speeds.items()}, 1.0)
    most("seconds over vmap", {name: 1 / s.over_vmap for name, (_, s) in speeds.items() if s.over_vmap}, 1.0)
    return found


HEAD = ("architecture", "kind", "parameters", "float32", "float64", "by rules", "invariance")
SPEEDS = ("{}: over a pass", "{}: faster than a loop", "{}: than vmap")


def cells(result: Result, sizes: list[str]) -> list[str]:
    """A row of the table."""

    def small(value: float | None) -> str:
        return "failed" if value is None else "0" if value == 0 else f"{value:.0e}"

    found = [result.name, result.kind, f"{result.parameters:,}"]
    for dtype in EXACT:
        itself = f" (autograd itself {small(result.rounding[dtype])})" if dtype in result.rounding else ""
        found.append(small(result.errors.get(dtype)) + itself if dtype in result.types else "cannot")
    found += ["100 %" if result.by_rules == 1 else f"{100 * result.by_rules:.1f} %", small(result.invariance)]
    speeds = {speed.size: speed for speed in result.speeds}
    for size in sizes:
        speed = speeds.get(size)
        found += (
            ["failed"] * 3
            if speed is None
            else [f"{speed.over_limit:.2f}", f"{speed.over_loop:.1f}", f"{speed.over_vmap:.1f}" if speed.over_vmap else "cannot"]
        )
    return found


def table_of(results: list[Result]) -> tuple[list[str], list[list[str]]]:
    sizes = list(dict.fromkeys(speed.size for result in results for speed in result.speeds))
    return [*HEAD, *(column.format(size) for size in sizes for column in SPEEDS)], [cells(result, sizes) for result in results]


def markdown(results: list[Result]) -> str:
    head, rows = table_of(results)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def put_into(page: Path, table: str) -> None:
    """Replace what lies between the two marks of a page."""
    text = page.read_text(encoding="utf-8")
    assert BEGIN in text and END in text, f"{page} has no lines {BEGIN} and {END}"
    page.write_text(re.sub(f"(?<={BEGIN}\n).*?(?={END})", lambda _: f"\n{table}\n", text, flags=re.DOTALL), encoding="utf-8")


def report(results: list[Result], facts: dict[str, Any], out: Path) -> None:
    """Print the table, the failures and the bars, and keep the numbers."""
    console = Console(width=None if Console().is_terminal else 200)
    head, rows = table_of(results)
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for result in results:
        for said in result.failures:
            console.print(f"{result.name}: {said}", markup=False, highlight=False, soft_wrap=True)
        if result.fallback:
            console.print(f"{result.name}: without a rule {', '.join(list(result.fallback)[:5])}", markup=False, highlight=False, soft_wrap=True)
    bars = checks(results, facts["quick"])
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        console.print(
            f"{MET[bar['met']]:6} {name}: {bar['found']:.3g}, {side} {bar[side]:g} {bar.get('of', '')}", markup=False, highlight=False, soft_wrap=True
        )
    console.print(f"on {facts['machine']}, torch {facts['torch']}, {facts['threads']} thread, load {facts['load average']:.1f}", highlight=False)
    out.mkdir(parents=True, exist_ok=True)
    (out / "architectures.json").write_text(json.dumps({**facts, "results": [result.row() for result in results], "bars": bars}, indent=1))
    (out / "architectures.md").write_text(markdown(results), encoding="utf-8")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} alone, without times")
    arguments.add_argument("--only", nargs="+", metavar="NAME", help="architectures whose names hold one of these")
    arguments.add_argument("--no-speed", action="store_true", help="compare, and take no times")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--markdown", type=Path, metavar="FILE", help="put the table into this page")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    chosen = [one for one in ARCHITECTURES if one.name in QUICK] if settings.quick else list(ARCHITECTURES)
    if settings.only:
        chosen = [one for one in ARCHITECTURES if any(name.lower() in one.name.lower() for name in settings.only)]
    load = os.getloadavg()[0]
    speed = None if settings.quick or settings.no_speed else mm_speed()
    results, absent = [], []
    for architecture in chosen:
        if architecture.needs and find_spec(architecture.needs) is None:
            absent.append(architecture)
            continue
        results.append(run(architecture, settings.rounds, speed))
        told = [f"{key} {value:.0e}" for key, value in results[-1].errors.items()]
        told += [f"{s.size} {s.over_limit:.2f} passes, a loop {s.over_loop:.1f} times" for s in results[-1].speeds] + results[-1].failures
        print(f"{architecture.name}: {', '.join(told)}", flush=True)
    for architecture in absent:
        print(f"{architecture.name} is left out: {architecture.needs} is not installed here; pip install it beside a torchvision that fits torch.")
    facts = {
        "quick": settings.quick, "rounds": settings.rounds, "threads": torch.get_num_threads(), "machine": platform.processor() or platform.machine(),
        "load average": load, "torch": torch.__version__, "left out": [architecture.name for architecture in absent],
    }  # fmt: skip
    report(results, facts, settings.out)
    if settings.markdown:
        put_into(settings.markdown, markdown(results))


if __name__ == "__main__":
    main()
