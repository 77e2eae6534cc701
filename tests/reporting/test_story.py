"""A page of tables and pictures that needs nothing else."""

from pathlib import Path

import pandas as pd

from wherefrom.reporting import Section, Story, write_story
from wherefrom.reporting.story import cell


def test_tables_and_pictures_are_inside_and_text_is_escaped(tmp_path: Path) -> None:
    table = pd.DataFrame({"method": ["<b>a</b>"], "value": [-0.12345678]})
    svg = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    page = write_story(tmp_path / "page.html", Story("A & B", "lead", (Section("Part", ("said",), {"T": table}, {"drawn": svg}),))).read_text()
    assert "A &amp; B" in page and "&lt;b&gt;a" in page and "<b>a" not in page and "−0.1235" in page
    assert page.count("data:image/svg+xml;base64,") == 1 and 'src="http' not in page and 'href="http' not in page


def test_cells_never_say_nan() -> None:
    assert (cell(float("nan")), cell(None), cell("x"), cell(3)) == ("", "", "x", "3")


def test_texts_cannot_break_out_and_pictures_are_inside(tmp_path: Path) -> None:
    evil = "</section><script>alert(1)</script>"
    section = Section(evil, (evil,), {evil: pd.DataFrame({evil: [evil]})}, {evil: f"<svg>{evil}</svg>"})
    page = write_story(tmp_path / "s.html", Story(evil, evil, (section,))).read_text(encoding="utf-8")
    assert "<script" not in page and page.count("data:image/svg+xml;base64,") == 1
