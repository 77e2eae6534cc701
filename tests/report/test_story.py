"""A story's page: whole, offline, and safe from what texts hold."""

from pathlib import Path

import pandas as pd

from whence.report import Section, Story, write_story
from whence.report.story import cell


def test_texts_cannot_break_out_and_pictures_are_inside(tmp_path: Path) -> None:
    evil = "</section><script>alert(1)</script>"
    section = Section(evil, (evil,), {evil: pd.DataFrame({evil: [evil]})}, {evil: f"<svg>{evil}</svg>"})
    page = write_story(tmp_path / "s.html", Story(evil, evil, (section,))).read_text(encoding="utf-8")
    assert "<script" not in page and page.count("data:image/svg+xml;base64,") == 1


def test_cells() -> None:
    assert [cell(value) for value in (-0.123456, float("nan"), None, 3, "a")] == ["−0.1235", "", "", "3", "a"]
