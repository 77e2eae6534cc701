"""What a study leaves behind: every number with seeds and interval, tables, figures, a page that fetches nothing."""

import json
import re
from pathlib import Path

import pandas as pd

from wherefrom_studies import Bar, Figure, Findings, bar_lines, file_of, mean_of, write_findings
from wherefrom_studies.fragility import Fragility
from wherefrom_studies.pictures import bars


def found() -> Findings:
    table = pd.DataFrame({"k": ["a", "b"], "v": [1.0, None]})
    figure = Figure(bars(table.dropna(), "k", "v", x_title="k", y_title="v (units)"), "A <figure>.")
    numbers = {"r/one": mean_of("one", [0.5, 0.7], (0, 1), 0.4)}
    return Findings(
        {"a table": table}, {"fig one": figure}, numbers, ("It is {r/one}.",), (Bar("r/one", at_least=0.65, source="x"),), ("Wrong <b>.",)
    )


def test_everything_is_written(tmp_path: Path) -> None:
    report = write_findings(Fragility(tmp_path), found(), 1.0)
    kept = json.loads((tmp_path / "results.json").read_text())
    number = kept["numbers"]["r/one"]
    assert number["value"] == 0.6 and number["low"] < 0.6 < number["high"] and number["seeds"] == [0, 1] and number["original"] == 0.4
    assert kept["findings"][0]["numbers"] == ["r/one"] and kept["findings"][0]["text"].startswith("It is 0.6 [")
    assert kept["bars"][0]["met"] is False and kept["form"] == "full"
    assert (tmp_path / kept["tables"]["a table"]).read_text().startswith("k,v")
    png, svg = (tmp_path / name for name in kept["figures"]["fig one"]["files"])
    assert png.read_bytes().startswith(b"\x89PNG") and "<svg" in svg.read_text()
    page = report.read_text(encoding="utf-8")
    assert "A &lt;figure&gt;." in page and "Wrong &lt;b&gt;." in page and "data:image/svg+xml;base64," in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_a_missed_bar_is_told_and_the_quick_form_leaves_it_open(tmp_path: Path) -> None:
    assert bar_lines(Fragility(tmp_path), found())[0].startswith("MISSED")
    assert bar_lines(Fragility(tmp_path, quick=True), found())[0].startswith("open")


def test_names_become_files() -> None:
    assert file_of("labels, each seed") == "labels__each_seed"
