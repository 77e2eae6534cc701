"""What a study leaves in its folder: results.json, tables, figures and a report, each whole or not at all."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import wherefrom as wf
from wherefrom_studies.findings import CITED, Bar, Findings
from wherefrom_studies.sentences import FINDINGS, ORIGINALS, REPLACED
from wherefrom_studies.study import Study

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "altair")


def write_findings(study: Study, findings: Findings, seconds: float) -> Path:
    """Write everything and return the report, which comes last, so that where it stands the rest does."""
    for name, table in findings.tables.items():
        wf.reporting.write_whole(study.out / "tables" / f"{file_of(name)}.csv", table.to_csv(index=False))
    for name, figure in findings.figures.items():
        for ending in (".png", ".svg"):
            wf.plot.save(figure.chart, study.out / "figures" / f"{file_of(name)}{ending}")
    wf.reporting.write_whole(study.out / "results.json", json.dumps(record(study, findings, seconds), indent=1, ensure_ascii=False))
    return wf.reporting.write_story(study.out / "report.html", _story(study, findings))


def record(study: Study, findings: Findings, seconds: float) -> dict[str, Any]:
    """Return all findings as plain data."""
    return {
        "study": study.name,
        "question": study.question,
        "paper": study.paper,
        "form": _form(study),
        "settings": {name: str(value) for name, value in asdict(study).items() if name != "out" and value is not None},
        "numbers": {name: number.to_dict() for name, number in findings.numbers.items()},
        "findings": [
            {"text": text, "numbers": CITED.findall(cited)} for text, cited in zip(findings.texts(), findings.sentences, strict=True)
        ],
        "bars": [{**asdict(bar), "found": findings.value(bar.number), "met": _met(study, findings, bar)} for bar in findings.bars],
        "where the original was wrong": findings.originals,
        "in place of data not at hand": findings.replaced,
        "tables": {name: f"tables/{file_of(name)}.csv" for name in findings.tables},
        "figures": {name: {"files": [f"figures/{file_of(name)}{ending}" for ending in (".png", ".svg")], "caption": figure.caption}
                    for name, figure in findings.figures.items()},
        "versions": {"wherefrom": wf.__version__, "python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()},
        "seconds of this run": round(seconds, 1),
    }  # fmt: skip


def bar_lines(study: Study, findings: Findings) -> list[str]:
    """Return each bar in words: met, missed, or open in the quick form, which is too small to be held to it."""
    words = {True: "met", False: "MISSED", None: "open"}
    lines = []
    for bar in findings.bars:
        limits = [f"{word} {value:g}" for word, value in (("at least", bar.at_least), ("at most", bar.at_most)) if value is not None]
        source = f" ({bar.source})" if bar.source else ""
        lines.append(f"{words[_met(study, findings, bar)]:6} {bar.number}: {findings.numbers[bar.number]}, {' and '.join(limits)}{source}")
    return lines


def file_of(name: str) -> str:
    """Return a name as the stem of a file."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _met(study: Study, findings: Findings, bar: Bar) -> bool | None:
    return None if study.quick else bar.met(findings.value(bar.number))


def _form(study: Study) -> str:
    return "quick" if study.quick else "full"


def _story(study: Study, findings: Findings) -> wf.reporting.Story:
    pictures = {
        figure.caption: (study.out / "figures" / f"{file_of(name)}.svg").read_text(encoding="utf-8") for name, figure in findings.figures.items()
    }
    asides = (
        ("Bars", tuple(bar_lines(study, findings))),
        (ORIGINALS, findings.originals),
        (REPLACED, findings.replaced),
    )
    where = f"Every number with its seeds and interval stands in results.json; this is the {_form(study)} form."
    sections = (
        wf.reporting.Section(FINDINGS, findings.texts(), pictures=pictures),
        *(wf.reporting.Section(heading, sentences) for heading, sentences in asides if sentences),
        wf.reporting.Section("Tables", (where,), findings.tables),
    )
    return wf.reporting.Story(study.question, f"The study {study.name}, after {study.paper}.", sections)
