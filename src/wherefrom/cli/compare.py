"""`wherefrom compare`: methods over trained runs, side by side; what is computed and printed."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wherefrom.attribution import attribute
from wherefrom.cli.compared import frames_of, write_compared
from wherefrom.cli.comparison_setup import Contest, contest_of
from wherefrom.cli.explain import fitted_ihvp
from wherefrom.cli.method_names import RANDOM, MethodEntry, MethodParts, methods_of_runs
from wherefrom.cli.training import Learner
from wherefrom.cli.write import check_folder
from wherefrom.compare import Consistency, RemovalPower, TrainedRun, consistency, removal_power, train_runs
from wherefrom.compare.consistency import Estimand, MethodOf
from wherefrom.errors import UsageError
from wherefrom.methods import CheckpointWarning
from wherefrom.metrics import Lds, LooCorrelation, RemovalCurves, lds, loo_correlation, removal_curves
from wherefrom.reporting.story import cell
from wherefrom.retraining import leave_one_out, removal_curve, subset_outcomes
from wherefrom.solvers import SolverWarning

FRACTIONS = (0.05, 0.1, 0.2)
LEAST = 2  # runs
FEWEST = 3  # retrainings that a correlation is of
TRUTH_SEEDS = 2  # the fewest that give a ceiling


@dataclass(frozen=True)
class Asked:
    """What the person asked for."""

    methods: str
    runs: int = 5
    k: int = 10
    queries: int = 10
    subsets: int = 24
    left_out: int = 0
    removal: bool = False
    estimand: Estimand = "models trained like it"
    seed: int = 0


@dataclass(eq=False)
class Compared:
    """What was found; ``seconds`` of each part."""

    contest: Contest
    asked: Asked
    found: Consistency
    faithful: dict[str, Lds] = field(default_factory=dict)
    left_out: dict[str, LooCorrelation] = field(default_factory=dict)
    power: RemovalPower | None = None
    curves: RemovalCurves | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def compare_methods(data: str | None, target: str | None, problem: str | None, learner: Learner, asked: Asked, out: Path) -> None:
    """Train, score, retrain, print and write."""
    if asked.runs < LEAST:
        raise UsageError(f"--runs {asked.runs} shows no noise; give {LEAST} or more, better 5.")
    for option, count in (("--lds", asked.subsets), ("--loo", asked.left_out)):
        if 0 < count < FEWEST:
            raise UsageError(f"{option} {count} gives no rank correlation; give {FEWEST} or more, or 0 for none.")
    check_folder(out)
    contest = contest_of(data, target, problem, asked.queries, learner)
    made, console = _makers(methods_of_runs(asked.methods)), Console(highlight=False, soft_wrap=True)
    if not 1 <= asked.k < len(contest.problem):
        raise UsageError(f"--k {asked.k} of {len(contest.problem)} training examples says nothing; give 1 to {len(contest.problem) - 1}.")
    size = f"{len(contest.problem):,} training examples, {contest.problem.size:,} parameters, {len(contest.queries)} queries"
    console.print(f"[bold]{escape(contest.name)}[/bold]: {size}; {asked.runs} runs. The question is of {asked.estimand}.")
    for note in contest.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolverWarning)  # the scores' notes say it
        warnings.simplefilter("ignore", CheckpointWarning)
        result = _compared(contest, made, asked, out, console)
    _show(console, result)
    report = write_compared(out, result)
    console.print(f"\nReport: [bold]{escape(str(report))}[/bold]")


def _makers(entries: Mapping[str, MethodEntry]) -> dict[str, MethodOf]:
    """Return for each method what makes it for a run and a draw."""

    def maker(entry: MethodEntry) -> MethodOf:
        return lambda run, draw: entry.make(MethodParts(run.problem, draw, fitted_ihvp, run.run))

    return {name: maker(entry) for name, entry in entries.items()}


def _compared(contest: Contest, made: Mapping[str, MethodOf], asked: Asked, out: Path, console: Console) -> Compared:
    single = asked.estimand == "this model"
    seeds = range(asked.seed, asked.seed + (1 if single else asked.runs))
    start = time.perf_counter()
    runs = train_runs({contest.name: (contest.problem, contest.train)}, seeds=seeds)
    trained = time.perf_counter() - start
    found = consistency(made, runs, contest.queries, estimand=asked.estimand, k=asked.k, repeats=asked.runs)
    result = Compared(contest, asked, found, seconds={"training": trained, "consistency": time.perf_counter() - start - trained})
    retrain = {"seeds": list(seeds)[:TRUTH_SEEDS], "out": out / "retrained.jsonl"}  # this model's own seed alone, or as many as give a ceiling
    if asked.subsets:
        start = time.perf_counter()
        settings = {**retrain, "out": out / "subsets.jsonl"}
        truth = subset_outcomes(contest.problem, contest.queries, contest.retrain, subsets=asked.subsets, seed=asked.seed, **settings)
        result.faithful = {name: lds(scores[0], truth, seed=asked.seed, progress=False) for name, scores in found.scores.items()}
        result.seconds["LDS"] = time.perf_counter() - start
    if asked.left_out:
        start, ids = time.perf_counter(), contest.problem.ids
        chosen = np.random.default_rng(asked.seed).choice(ids, min(asked.left_out, len(ids) - 1), replace=False)
        truth = leave_one_out(contest.problem, chosen, contest.queries, contest.retrain, **retrain)
        result.left_out = {name: loo_correlation(scores[0], truth, seed=asked.seed) for name, scores in found.scores.items()}
        result.seconds["leave-one-out"] = time.perf_counter() - start
    if asked.removal:
        start = time.perf_counter()
        _removed(result, made, runs, out, console)
        result.seconds["removal"] = time.perf_counter() - start
    return result


def _removed(result: Compared, made: Mapping[str, MethodOf], runs: tuple[TrainedRun, ...], out: Path, console: Console) -> None:
    """Rankings by all validation examples at once, judged on the test examples; the power first."""
    contest, seeds = result.contest, range(result.asked.seed, result.asked.seed + result.asked.runs)
    classes = "targets" if contest.classes else None
    ranked = {name: method for name, method in made.items() if name != RANDOM}  # the random arm is drawn anew for each seed
    file, cells = out / "removal.jsonl", len(ranked) * len(FRACTIONS) * (2 if contest.classes else 1)
    size = round(FRACTIONS[-1] * len(contest.problem))
    result.power = removal_power(contest.problem, contest.test, contest.retrain, size=size, seeds=len(seeds), pilot=seeds, cells=cells, out=file)
    console.print(f"\n[bold]Power[/bold]: {escape(str(result.power))}")
    each = {
        name: [attribute(method(run, draw), run.problem, contest.validation, aggregate=True) for draw, run in enumerate(runs)]
        for name, method in ranked.items()
    }
    rankings: dict[str, Any] = {name: scores if len(scores) > 1 else scores[0] for name, scores in each.items()}
    settings = {"fractions": FRACTIONS, "seeds": seeds, "classes": classes, "out": file}
    result.curves = removal_curves(removal_curve(contest.problem, rankings, contest.test, contest.retrain, **settings))


def _show(console: Console, result: Compared) -> None:
    for title, frame in frames_of(result).items():
        table = Table(title=escape(title), title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for place, column in enumerate(frame.columns):
            table.add_column(escape(str(column)), justify="right" if place else "left", no_wrap=not place, overflow="fold")
        for row in frame.itertuples(index=False):
            table.add_row(*(escape(cell(value)) for value in row))
        console.print()
        console.print(table)
    for note in result.found.notes:
        console.print(f"[dim]{escape(note)}[/dim]")
