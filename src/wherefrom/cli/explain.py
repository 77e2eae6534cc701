"""One run: scores, their proof by retraining, and what is printed and written of them."""

import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from wherefrom.attribution import attribute, self_influence
from wherefrom.cli.case import ExplainedCase
from wherefrom.cli.content import content_of
from wherefrom.cli.explanation import ExplanationResult, ExplanationSettings
from wherefrom.cli.guard import TrainerError
from wherefrom.cli.method_names import METHODS, MethodParts
from wherefrom.cli.show import show
from wherefrom.cli.write import check_folder, write_run
from wherefrom.curvature import Hessian
from wherefrom.errors import UsageError
from wherefrom.methods import Method
from wherefrom.metrics import loo_correlation
from wherefrom.problem import Problem
from wherefrom.retraining import leave_one_out
from wherefrom.scores import TopScores
from wherefrom.solvers import IHVP, Absolute, FittedIHVP, SolverWarning
from wherefrom.solvers.recommended import DENSE
from wherefrom.uncertainty import LastLayerBootstrap, Trust, trust

RANDOM_ROWS = 30  # left out beside the shown ones, so that the proof is not of extremes alone
MANY, SOME = 100, 16  # runs of the fast error bars, where one is cheap and where not
SMALL = 500  # parameters of a network whose Hessian is written out for every run, up to which that is cheap


def explain_case(case: ExplainedCase, settings: ExplanationSettings, out: Path) -> None:
    """Score, prove, print, write."""
    check_folder(out)
    console = Console(highlight=False, soft_wrap=False)
    console.print(f"[bold]{case.name}[/bold]: {len(case.problem):,} training examples, {case.problem.size:,} parameters, {_held_out(case)}")
    result = compute_explanation(case, settings)
    content = content_of(case, result, {**case.settings, **_chosen(settings, result)})
    show(console, case, content)
    report = write_run(out, case, settings, result, content)
    console.print(f"\nReport: [bold]{report}[/bold]", soft_wrap=True)
    if result.failed:
        raise UsageError(f"{result.failed.rstrip('.')}; what needs no training is in {out}.")


def compute_explanation(case: ExplainedCase, settings: ExplanationSettings) -> ExplanationResult:
    """All that is computed."""
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    parts = MethodParts(case.problem, settings.seed)
    method = METHODS[settings.method].make(parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolverWarning)  # the scores' notes say it
        scores = attribute(method, case.problem, case.queries)
    top = scores.top(min(settings.top, len(case.problem)))
    own = self_influence(method, case.problem)
    seconds["scores"] = time.perf_counter() - start
    truth, proof, no_proof, failed = None, None, "--no-prove was given.", ""
    if settings.prove and case.train is None:
        no_proof = "There is no trainer; return a third value, train, beside the problem and the queries."
    elif settings.prove and case.train is not None:
        start = time.perf_counter()
        try:
            truth = leave_one_out(case.problem, _left_out(case.problem, top, settings.seed), case.queries, case.train)
            proof = loo_correlation(scores, truth)
        except UsageError as error:
            no_proof, failed = f"Retraining failed: {error}", _own_failure(error)
        seconds["proof"] = time.perf_counter() - start
    start = time.perf_counter()
    sure, no_trust, told = None, "", ()
    try:
        sure, told = _trust(case, settings, method)
    except UsageError as error:
        no_trust, failed = str(error), failed or _own_failure(error)
    seconds["trust"] = time.perf_counter() - start
    return ExplanationResult(scores, top, own, truth, proof, no_proof, sure, no_trust, seconds, (*parts.notes, *scores.notes, *told), failed)


def _own_failure(error: UsageError) -> str:
    """The sentence, where it is a person's own trainer that failed."""
    return str(error) if isinstance(error, TrainerError) else ""


def _trust(case: ExplainedCase, settings: ExplanationSettings, method: Method) -> tuple[Trust, tuple[str, ...]]:
    """Error bars at the budget that was asked for, and what was done otherwise. Raises :class:`UsageError` where there are none."""
    if settings.trust == "none":
        raise UsageError("--trust none was given.")
    full, told = settings.trust == "full", ()
    ihvp = getattr(method, "ihvp", None)
    if isinstance(ihvp, FittedIHVP) and ihvp.settings.curvature == Hessian() and not ihvp.operator.semidefinite:
        least = float(torch.linalg.eigvalsh(ihvp.operator.dense().double())[0])
        method = replace(method, ihvp=IHVP(Hessian(), Absolute(least), damping=0.0))  # type: ignore[type-var]
        told = ("In the runs of the error bars, curvatures below the least at these weights count by their size: moved weights are at no minimum.",)
    cheap = case.problem.size <= (SMALL if told else DENSE)
    noise = None if full else LastLayerBootstrap(MANY if cheap else SOME, settings.seed)
    k, budget = min(settings.top, len(case.problem) - 1), "full" if full else "fast"
    return trust(method, case.problem, case.queries, train=case.train, noise=noise, k=k, budget=budget), told


def _left_out(problem: Problem, top: TopScores, seed: int) -> np.ndarray:
    """The shown rows of every query, and some random ones."""
    random = np.random.default_rng(seed).choice(problem.ids, min(RANDOM_ROWS, len(problem)), replace=False)
    ends = [end.ids.ravel() for end in (top, top.opponents) if end is not None]
    return np.unique(np.concatenate([*ends, random]))


def _chosen(settings: ExplanationSettings, result: ExplanationResult) -> dict[str, str]:
    return {"method": METHODS[settings.method].title, "unit of scores": result.scores.unit, "seed": str(settings.seed)}


def _held_out(case: ExplainedCase) -> str:
    if not case.held_out:
        return f"{len(case.queries)} queries"
    figures = ", ".join(f"{name} {value:.3f}" for name, value in case.held_out.items() if name != "n")
    return f"held-out {figures} (n = {case.held_out['n']:.0f})"
