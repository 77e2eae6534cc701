"""What a comparison shows and writes: tables, results.json, pictures and the report."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from wherefrom import plot
from wherefrom.cli.comparison import ComparisonResult
from wherefrom.cli.method_names import METHODS, RANDOM
from wherefrom.cli.write import PACKAGES
from wherefrom.estimate import Estimate
from wherefrom.metrics import Difference
from wherefrom.reporting import Section, Story, write_story
from wherefrom.store import write_whole

SHOWN = 5  # queries whose shared ids are listed
LABELS = {"subsets": "random halves for the LDS", "left_out": "examples left out one at a time", "estimand": "question of"}
WORDS = {
    "stability": "Stability: how far a method agrees with itself over runs, top k by Nogueira's index and whole ranking by τ-b; 0 is chance.",
    "agreement": "Agreement: how far two methods agree on the same model; beneath or behind each figure the ceiling that their own noise sets.",
    "lds": "LDS: whether sums of scores rank what retraining on random halves gives, of the first run's scores; 0 is chance.",
    "random": "The row of random scores shows what chance gives in every column.",
}


def tabulate_comparison(result: ComparisonResult) -> dict[str, pd.DataFrame]:
    """Return the tables by title."""
    consistency, k = result.consistency, result.settings.k
    names = list(consistency.stability)
    rows = []
    for name in names:
        own = consistency.stability[name]
        pairs = [agreed.kuncheva.value for pair, agreed in consistency.agreement.items() if name in pair and (RANDOM not in pair or name == RANDOM)]
        others = [value for value in pairs if value is not None]
        row = {"method": name, f"stability of top {k}": _text(own.nogueira), "of ranking (τ)": _text(own.kendall)}
        row |= {
            "agrees with others": _fixed(float(np.mean(others)), 2) if others else "",
            "ids all runs share": _text(consistency.shared[name].count, interval=False),
        }
        if result.lds:
            ceiling = result.lds[name].lds.ceiling
            row["LDS (ceiling)"] = _text(result.lds[name].lds) + ("" if ceiling is None else f" ({ceiling:.2f})")
        if result.left_out:
            row["leave-one-out (Spearman)"] = _text(result.left_out[name].spearman)
        rows.append(row | {"seconds": f"{consistency.seconds[name]:.2f}"})
    frames = {"Side by side": pd.DataFrame(rows)}
    for figure, title in (
        ("kuncheva", f"Agreement of the top {k}, Kuncheva (of the ceiling)"),
        ("kendall", "Agreement of rankings, τ-b (of the ceiling)"),
    ):
        frames[title] = pd.DataFrame([{"method": a, **{b: _pair(result, a, b, figure) for b in names}} for a in names])
    everyone = consistency.shared_by_all
    shared = [{"query": str(q), "in the top of every method and run": ", ".join(map(str, ids)) or "none"} for q, ids in everyone.ids.items()]
    frames[f"Shared by all, {_text(everyone.count, interval=False)} ids a query, by chance {_chance(everyone.count)}"] = pd.DataFrame(shared[:SHOWN])
    if result.curves is not None:
        frames["Removal: excess worsening of the test examples over each control"] = pd.DataFrame(
            [row for pair, difference in result.curves.differences.items() for row in _removal_rows(pair, difference, result)]
        )
    return frames


def _chance(one: Estimate) -> str:
    value = one.chance or 0.0
    return f"{value:.2f}" if value >= 0.005 or value == 0 else "less than 0.01"


def _removal_rows(pair: tuple[str, str], difference: Difference, result: ComparisonResult) -> list[dict[str, Any]]:
    assert result.curves is not None
    n, rows = len(result.setup.problem), []
    for size, one, p, holm, rate in zip(
        result.curves.sizes, difference.at, difference.p_values, difference.holm, difference.benjamini_hochberg, strict=True
    ):
        values = {name: "" if value is None else f"{value:.2g}" for name, value in (("p", p), ("Holm", holm), ("Benjamini-Hochberg", rate))}
        control = "of the same classes" if pair[1] != RANDOM else "random"
        rows.append({"ranking": pair[0], "control": control, "left out": f"{size} ({size / n:.0%})", "excess": _text(one, digits=3), **values})
    return rows


def _pair(result: ComparisonResult, a: str, b: str, figure: str) -> str:
    stability, agreement = result.consistency.stability, result.consistency.agreement
    if a == b:
        return _text(stability[a].nogueira if figure == "kuncheva" else stability[a].kendall, interval=False)
    one: Estimate = getattr(agreement.get((a, b)) or agreement[b, a], figure)
    return _text(one, interval=False) + ("" if one.value is None or one.ceiling is None else f" ({one.ceiling:.2f})")


def _text(one: Estimate, *, interval: bool = True, digits: int = 2) -> str:
    if one.value is None:
        return one.status
    shown = _fixed(one.value, digits)
    return shown + (f" [{_fixed(one.low, digits)}, {_fixed(one.high, digits)}]" if interval and one.low is not None and one.high is not None else "")


def _fixed(value: float, digits: int) -> str:
    """So many digits; what rounds to 0 has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def write_comparison(out: Path, result: ComparisonResult) -> Path:
    """Write pictures, results.json and, last, the report."""
    pictures = _pictures(out, result)
    write_whole(out / "results.json", json.dumps(_record(result), indent=1, default=str))
    frames = tabulate_comparison(result)
    setup, settings, titles = result.setup, result.settings, list(frames)
    lead = f"{setup.settings['model']}: {settings.runs} runs, {len(setup.queries)} queries, top {settings.k}; a question of {settings.estimand}."
    bars = {"Stability over runs, with 95 % intervals": pictures["stability"]}
    maps = {"Top k": pictures["agreement"], "Whole rankings": pictures["agreement_of_rankings"]}
    sections = [
        Section("Side by side", tuple(WORDS.values()), {titles[0]: frames[titles[0]]}, bars),
        Section("Agreement", (), {title: frames[title] for title in titles[1:3]}, maps),
        Section("What all share", (), {titles[3]: frames[titles[3]]}),
    ]
    if result.power is not None:
        sentence = "The mean loss of untouched test examples after training without the top of each ranking, which validation examples chose."
        curves = {"Controls are grey": pictures["removal"]}
        sections.append(Section("Removal", (sentence, str(result.power)), {titles[4]: frames[titles[4]]}, curves))
    shown = {**setup.settings, **{LABELS.get(name, name): _setting_text(value) for name, value in asdict(settings).items()}}
    shown["methods"] = "; ".join(f"{name}: {METHODS[name].title}" for name in result.consistency.stability)
    table = pd.DataFrame({"setting": list(shown), "value": list(shown.values())})
    spent = pd.DataFrame({"part": list(result.seconds), "seconds": list(result.seconds.values())})
    sections.append(Section("Settings", (*setup.notes, *result.consistency.notes, *_notes(result)), {"Settings": table, "Time": spent}))
    return write_story(out / "report.html", Story(f"Methods compared: {setup.name}", lead, tuple(sections)))


def _pictures(out: Path, result: ComparisonResult) -> dict[str, str]:
    """Each chart as a file, and its text for the report."""
    charts = {
        "agreement": plot.agreement(result.consistency), "agreement_of_rankings": plot.agreement(result.consistency, figure="kendall"),
        "stability": plot.stability(result.consistency),
    }  # fmt: skip
    if result.curves is not None:
        charts["removal"] = plot.removal(result.curves, n=len(result.setup.problem))
    return {name: plot.save(chart, out / f"{name}.svg").read_text(encoding="utf-8") for name, chart in charts.items()}


def _setting_text(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).replace(",", ", ")


def _notes(result: ComparisonResult) -> tuple[str, ...]:
    """What methods said of their scores, each once."""
    return tuple(dict.fromkeys(f"{name}: {note}" for name, scores in result.consistency.scores.items() for one in scores for note in one.notes))


def _figures(estimates: tuple[Estimate, ...]) -> dict[str, Any]:
    return {one.name: one.to_dict() for one in estimates}


def _record(result: ComparisonResult) -> dict[str, Any]:
    consistency, curves = result.consistency, result.curves
    record: dict[str, Any] = {
        "name": result.setup.name,
        "settings": {**result.setup.settings, **asdict(result.settings)},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()},
        "estimand": consistency.estimand, "runs": list(consistency.runs), "queries": result.setup.queries.ids.tolist(),
        "train": len(result.setup.problem), "k": consistency.k,
        "stability": {name: _figures(one.estimates()) for name, one in consistency.stability.items()},
        "agreement": [{"methods": list(pair), **_figures(one.estimates())} for pair, one in consistency.agreement.items()],
        "shared": {"by runs": {name: _shared(one) for name, one in consistency.shared.items()}, "by all": _shared(consistency.shared_by_all)},
        "lds": {name: _figures(one.estimates()) for name, one in result.lds.items()},
        "leave_one_out": {name: _figures(one.estimates()) for name, one in result.left_out.items()},
        "seconds_of_scores": dict(consistency.seconds), "seconds": result.seconds,
        "notes": [*result.setup.notes, *consistency.notes, *_notes(result)],
    }  # fmt: skip
    if curves is not None and result.power is not None:
        record["removal"] = {
            "power": asdict(result.power), "sizes": list(curves.sizes), "fractions": [size / len(result.setup.problem) for size in curves.sizes],
            "curves": {name: [one.to_dict() for one in points] for name, points in curves.curves.items()},
            "differences": [{"ranking": pair[0], "control": pair[1], **asdict(one)} for pair, one in curves.differences.items()],
        }  # fmt: skip
    return record


def _shared(one: Any) -> Mapping[str, Any]:
    return {"count": one.count.to_dict(), "ids": {str(query): list(ids) for query, ids in one.ids.items()}}
