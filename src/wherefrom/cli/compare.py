"""`wherefrom compare`: methods over trained runs, side by side; what is computed and printed."""

import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wherefrom.attribution import attribute
from wherefrom.cli.comparison import ComparisonResult, ComparisonSettings
from wherefrom.cli.comparison_report import tabulate_comparison, write_comparison
from wherefrom.cli.comparison_setup import ComparisonSetup, set_up_comparison
from wherefrom.cli.method_names import RANDOM, MethodEntry, MethodParts, methods_of_runs
from wherefrom.cli.training import Learner
from wherefrom.cli.write import check_folder
from wherefrom.compare import TrainedRun, consistency, removal_power, train_runs
from wherefrom.compare.consistency import MethodOf
from wherefrom.errors import UsageError
from wherefrom.methods import CheckpointWarning
from wherefrom.metrics import lds, loo_correlation, removal_curves
from wherefrom.reporting.story import cell
from wherefrom.retraining import leave_one_out, removal_curve, subset_outcomes
from wherefrom.solvers import SolverWarning

FRACTIONS = (0.05, 0.1, 0.2)
FEWEST_RUNS = 2
FEWEST_RETRAININGS = 3  # that a correlation is of
TRUTH_SEEDS = 2  # the fewest that give a ceiling


def compare_methods(data: str | None, target: str | None, problem: str | None, learner: Learner, settings: ComparisonSettings, out: Path) -> None:
    """Train, score, retrain, print and write."""
    _check_sizes(settings)
    check_folder(out)
    setup = set_up_comparison(data, target, problem, settings.queries, learner)
    makers, console = _makers(methods_of_runs(settings.methods)), Console(highlight=False, soft_wrap=True)
    count = len(setup.problem)
    if not 1 <= settings.k < count:
        raise UsageError(f"--k {settings.k} of {count} training examples says nothing; give 1 to {count - 1}.")
    size = f"{count:,} training examples, {setup.problem.size:,} parameters, {len(setup.queries)} queries"
    console.print(f"[bold]{escape(setup.name)}[/bold]: {size}; {settings.runs} runs. The question is of {settings.estimand}.")
    for note in setup.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolverWarning)  # the scores' notes say it
        warnings.simplefilter("ignore", CheckpointWarning)
        result = _compute(setup, makers, settings, out, console)
    _show(console, result)
    report = write_comparison(out, result)
    console.print(f"\nReport: [bold]{escape(str(report))}[/bold]")


def _check_sizes(settings: ComparisonSettings) -> None:
    if settings.runs < FEWEST_RUNS:
        raise UsageError(f"--runs {settings.runs} shows no noise; give {FEWEST_RUNS} or more, better 5.")
    for option, count in (("--lds", settings.subsets), ("--loo", settings.left_out)):
        if 0 < count < FEWEST_RETRAININGS:
            raise UsageError(f"{option} {count} gives no rank correlation; give {FEWEST_RETRAININGS} or more, or 0 for none.")


def _makers(entries: Mapping[str, MethodEntry]) -> dict[str, MethodOf]:
    """Return for each method what makes it for a run and a draw."""

    def maker(entry: MethodEntry) -> MethodOf:
        return lambda run, draw: entry.make(MethodParts(run.problem, draw, run.run))

    return {name: maker(entry) for name, entry in entries.items()}


def _compute(setup: ComparisonSetup, makers: Mapping[str, MethodOf], settings: ComparisonSettings, out: Path, console: Console) -> ComparisonResult:
    problem, queries, seed, start = setup.problem, setup.queries, settings.seed, time.perf_counter()
    runs = train_runs({setup.name: (problem, setup.train)}, seeds=settings.seeds)
    trained = time.perf_counter() - start
    agreement = consistency(makers, runs, queries, estimand=settings.estimand, k=settings.k, repeats=settings.runs)
    result = ComparisonResult(setup, settings, agreement, seconds={"training": trained, "consistency": time.perf_counter() - start - trained})
    first = {name: scores[0] for name, scores in agreement.scores.items()}
    seeds = settings.seeds[:TRUTH_SEEDS]  # this model's own seed alone, or as many as give a ceiling
    if settings.subsets:
        start = time.perf_counter()
        file = out / "subsets.jsonl"
        truth = subset_outcomes(problem, queries, setup.retrain, subsets=settings.subsets, seed=seed, seeds=seeds, out=file)
        result.lds = {name: lds(scores, truth, seed=seed, progress=False) for name, scores in first.items()}
        result.seconds["LDS"] = time.perf_counter() - start
    if settings.left_out:
        start = time.perf_counter()
        chosen = np.random.default_rng(seed).choice(problem.ids, min(settings.left_out, len(problem) - 1), replace=False)
        truth = leave_one_out(problem, chosen, queries, setup.retrain, seeds=seeds, out=out / "retrained.jsonl")
        result.left_out = {name: loo_correlation(scores, truth, seed=seed) for name, scores in first.items()}
        result.seconds["leave-one-out"] = time.perf_counter() - start
    if settings.removal:
        start = time.perf_counter()
        _study_removal(result, makers, runs, out / "removal.jsonl", console)
        result.seconds["removal"] = time.perf_counter() - start
    return result


def _study_removal(
    result: ComparisonResult, makers: Mapping[str, MethodOf], runs: tuple[TrainedRun, ...], file: Path, console: Console
) -> None:  # fmt: skip
    """Rankings by all validation examples at once, judged on the test examples; the power first."""
    setup, settings = result.setup, result.settings
    problem, seeds = setup.problem, range(settings.seed, settings.seed + settings.runs)
    ranked = {name: make for name, make in makers.items() if name != RANDOM}  # the random arm is drawn anew for each seed
    size, cells = round(FRACTIONS[-1] * len(problem)), len(ranked) * len(FRACTIONS) * (2 if setup.classes else 1)
    result.power = removal_power(problem, setup.test, setup.retrain, size=size, seeds=len(seeds), pilot=seeds, cells=cells, out=file)
    console.print(f"\n[bold]Power[/bold]: {escape(str(result.power))}")
    rankings = {}
    for name, make in ranked.items():
        scores = [attribute(make(run, draw), run.problem, setup.validation, aggregate=True) for draw, run in enumerate(runs)]
        rankings[name] = scores if len(scores) > 1 else scores[0]
    classes = "targets" if setup.classes else None
    outcomes = removal_curve(problem, rankings, setup.test, setup.retrain, fractions=FRACTIONS, seeds=seeds, classes=classes, out=file)
    result.curves = removal_curves(outcomes)


def _show(console: Console, result: ComparisonResult) -> None:
    for title, frame in tabulate_comparison(result).items():
        table = Table(title=escape(title), title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for place, column in enumerate(frame.columns):
            table.add_column(escape(str(column)), justify="right" if place else "left", no_wrap=not place, overflow="fold")
        for row in frame.itertuples(index=False):
            table.add_row(*(escape(cell(value)) for value in row))
        console.print()
        console.print(table)
    for note in result.consistency.notes:
        console.print(f"[dim]{escape(note)}[/dim]")
