"""The results of a language model as a report and files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wherefrom import lm
from wherefrom.cli.method_names import METHODS
from wherefrom.cli.write import PACKAGES, machine, versions
from wherefrom.data.examples import Examples
from wherefrom.lm import TokenScores
from wherefrom.problem import Problem
from wherefrom.reporting import Content, ExampleRow, QueryCard, write_report, write_whole
from wherefrom.reporting.tokens import shared_scale
from wherefrom.scores import TopScores
from wherefrom.types import Id


@dataclass(frozen=True, eq=False)
class LanguageRun:
    """What a run computes, and where it is written."""

    problem: Problem
    queries: Examples
    top: TopScores
    tokens: TokenScores | None
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    folder: Path
    settings: Mapping[str, object]

    @property
    def together(self) -> bool:
        """Whether all queries were asked at once."""
        return len(self.top.query_ids) < len(self.queries) or self.top.query_ids.tolist() != self.queries.ids.tolist()


def content_of(run: LanguageRun, most: int) -> Content:
    """Everything that a person sees: each query's text with its best and worst training rows, ``most`` at each end."""
    ends = [end for end in (run.top, run.top.opponents) if end is not None]
    texts = lm.texts(run.problem, ids=sorted({key for end in ends for key in end.ids[:, :most].ravel().tolist()}, key=str))
    asked = lm.texts(run.problem, run.queries)
    cards = []
    for row, query in enumerate(run.top.query_ids.tolist()):
        sides = [tuple(_row(run, end, row, rank, query, texts) for rank in range(min(most, end.ids.shape[1]))) for end in ends]
        text = f"{len(asked):,} queries together" if run.together else asked[query]
        if run.tokens is not None:
            text = run.tokens.query_tokens(query).html()
        cards.append(QueryCard(str(query) if run.together else f"query {query}", sides[0], sides[1] if len(sides) > 1 else (), text=text))
    method = METHODS[str(run.settings["method"])].title
    shown = {**{name: str(value) for name, value in run.settings.items() if value is not None}, "method": method, "unit of scores": run.top.unit}
    title = "Which training rows serve these targets?" if run.together else "Where did these words come from?"
    lead = " ".join(lm.describe(run.problem).split("\n"))
    no_proof = "a language model is not trained again by this command; retrain without the rows that it names to see."
    return Content(title, lead, tuple(cards), run.top.unit, None, no_proof, settings=shown, notes=run.notes)


def _row(run: LanguageRun, end: TopScores, row: int, rank: int, query: Id, texts: Mapping[Id, str]) -> ExampleRow:
    key, text = end.ids[row, rank].item(), texts[end.ids[row, rank].item()]
    if run.tokens is not None and end is run.top:
        own = [pair.train_id for pair in run.tokens.pairs if pair.query_id == query]
        coloured = {one: run.tokens.train_tokens(query, one) for one in own}
        if key in coloured:
            text = coloured[key].html(shared_scale(list(coloured.values())))
    return ExampleRow(str(key), score=float(end.values[row, rank]), text=text)


def write_language(run: LanguageRun, content: Content) -> Path:
    """Write top.csv, tokens.csv, top.zarr, run.json and the report, which comes last."""
    run.top.save(run.folder / "top.zarr")
    ends = [run.top.to_pandas().assign(side="proponent")]
    if run.top.opponents is not None:
        ends.append(run.top.opponents.to_pandas().assign(side="opponent"))
    write_whole(run.folder / "top.csv", pd.concat(ends).to_csv(index=False))
    if run.tokens is not None:
        write_whole(run.folder / "tokens.csv", run.tokens.to_pandas().to_csv(index=False))
    record = {
        "settings": {**run.settings, "scores": run.top.method},
        "data": {
            "fingerprint": run.top.fingerprint,
            "train": len(run.problem),
            "queries": run.queries.ids.tolist(),
            "told": lm.describe(run.problem),
        },
        "versions": versions((*PACKAGES, "transformers")),
        "seconds": {name: round(value, 3) for name, value in run.seconds.items()},
        "machine": machine(),
        "notes": list(run.notes),
    }
    write_whole(run.folder / "run.json", json.dumps(record, indent=1, default=str))
    return write_report(run.folder / "report.html", content)
