"""A language model on the command line: its training rows that made what it says, and those that serve some targets."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wherefrom import lm
from wherefrom.attribution import attribute
from wherefrom.cli.language_report import LanguageRun, content_of, write_language
from wherefrom.cli.method_names import METHODS, MethodParts
from wherefrom.cli.write import check_folder
from wherefrom.errors import UsageError
from wherefrom.lm.rows import rows_of
from wherefrom.problem import Problem
from wherefrom.scores import TopScores
from wherefrom.solvers import SolverWarning
from wherefrom.store import refuse_foreign, write_whole

SHOWN = 100  # characters of a row in the terminal
LONGEST = 8192  # side of a layer whose eigenvectors are still taken unasked: some minutes
ALL = 20  # selected rows that the terminal and the report show


@dataclass(frozen=True)
class LanguageSettings:
    """What the person chooses."""

    model: str
    train: str
    query: str
    method: str | None = None
    top: int = 5
    tokens: int = 3
    seed: int = 0
    max_length: int | None = None
    id_column: str | None = None


def explain_language(settings: LanguageSettings, out: Path | None) -> None:
    """Score, take the first rows apart by tokens, print, write."""
    _finish(_computed(settings, _folder(settings, out), together=False), settings.top)


def select_language(settings: LanguageSettings, out: Path | None) -> None:
    """The same for all queries together, and the selected rows as they stood in the file, best first."""
    folder = _folder(settings, out)
    run = _computed(settings, folder, together=True)
    rows, ids = rows_of(settings.train, _columns(settings))
    place = {key: position for position, key in enumerate(ids.tolist())}
    lines = (json.dumps(rows[place[key]], ensure_ascii=False) for key in run.top.ids[0].tolist())
    write_whole(folder / "selected.jsonl", "".join(f"{line}\n" for line in lines))
    _finish(run, ALL)


def _folder(settings: LanguageSettings, out: Path | None) -> Path:
    folder = out or Path(f"wherefrom-{Path(settings.model).resolve().name}")
    check_folder(folder)
    refuse_foreign(folder / "top.zarr", "top scores")
    return folder


def _computed(settings: LanguageSettings, folder: Path, together: bool) -> LanguageRun:
    """All that is computed."""
    seconds, start = {}, perf_counter()
    with _quiet(), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", lm.LanguageDataWarning)
        problem = lm.problem(settings.model, settings.train, columns=_columns(settings), max_length=settings.max_length)
        queries = lm.examples(problem, settings.query)
    told = tuple(str(one.message) for one in said if issubclass(one.category, lm.LanguageDataWarning))
    seconds["reading"] = perf_counter() - start
    start, parts = perf_counter(), MethodParts(problem, settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolverWarning)  # the scores' notes say it
        name, said = (settings.method, ()) if settings.method else _usual(problem)
        method = METHODS[name].make(parts)
        top = attribute(method, problem, queries, top=min(settings.top, len(problem)), aggregate=together)
    seconds["scores"] = perf_counter() - start
    start, tokens, why = perf_counter(), None, ""
    if settings.tokens and not together:
        try:
            tokens = lm.token_scores(method, problem, queries, top=_first(top, settings.tokens))
        except UsageError as error:
            why = f"No scores of tokens: {error}"
    seconds["tokens"] = perf_counter() - start
    notes = (*told, *said, *parts.notes, *top.notes, *([why] if why else []))
    return LanguageRun(problem, queries, top, tokens, notes, seconds, folder, {**asdict(settings), "method": name})


def _usual(problem: Problem) -> tuple[str, tuple[str, ...]]:
    """EK-FAC, unless a side of a layer, such as the vocabulary, is too long for its eigenvectors."""
    longest = max((max(value.shape) for value in problem.parameters.values() if value.dim() > 1), default=0)
    if longest <= LONGEST:
        return "ekfac", ()
    return "gradient-dot", (
        f"A layer has a side of {longest:,}, whose eigenvectors EK-FAC would take; scored by gradient-dot (--method ekfac does it).",
    )


def _first(top: TopScores, count: int) -> TopScores:
    """The best of each query alone."""
    return replace(top, values=top.values[:, :count], ids=top.ids[:, :count], opponents=None)


def _columns(settings: LanguageSettings) -> dict[str, str]:
    return {} if settings.id_column is None else {"id": settings.id_column}


def _finish(run: LanguageRun, most: int) -> None:
    console = Console(highlight=False, soft_wrap=False)
    console.print(f"[bold]{escape(str(run.settings['model']))}[/bold]: {escape(lm.describe(run.problem))}")
    for note in run.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    content = content_of(run, most)
    for card in content.queries:
        table = Table(title=escape(f"{card.label}: {_short(_plain(card.text))}"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in ("", "id", "score", "text"):
            table.add_column(name, no_wrap=name != "text", justify="right" if name == "score" else "left")
        for side, colour, rows in (("proponent", "blue", card.proponents), ("opponent", "red", card.opponents)):
            for rank, row in enumerate(rows, 1):
                cells = (f"[{colour}]{side} {rank}[/{colour}]", escape(row.label), f"{row.score:+.3g}", escape(_short(_plain(row.text))))
                table.add_row(*cells, end_section=rank == len(rows))
        console.print(table)
    report = write_language(run, content)
    console.print(f"Report: [bold]{report}[/bold]", soft_wrap=True)


def _plain(text: Any) -> str:
    return text.striptags() if hasattr(text, "striptags") else str(text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


@contextmanager
def _quiet() -> Iterator[None]:
    """Bars of transformers' own that say nothing to a reader of the results are left out."""
    from wherefrom.lm.extra import package

    logging = package("transformers").utils.logging
    before, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if shown:
            logging.enable_progress_bar()
