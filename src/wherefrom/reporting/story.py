"""A story of tables and pictures as one self-contained HTML page: nothing is fetched."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from wherefrom.store import write_whole

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Section:
    """A heading, sentences, tables by title, and pictures (SVG) by caption."""

    heading: str
    sentences: tuple[str, ...] = ()
    tables: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Story:
    """A title, a lead and sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]


def write_story(path: str | Path, story: Story) -> Path:
    """Write the page; ``path`` holds the whole page or what it held before."""
    from jinja2 import Environment, StrictUndefined

    here = resources.files("wherefrom.reporting")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"cell": cell, "picture": _picture}
    page = environment.from_string((here / "story.html.j2").read_text(encoding="utf-8"))
    style = Markup((here / "page.css").read_text(encoding="utf-8"))
    return write_whole(path, page.render(story=story, style=style))


def cell(value: object) -> str:
    """Return a table's cell as text: four digits of a number, nothing where there is none."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}".replace("-", "−")
    return "" if value is None else str(value)


def _picture(svg: str) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
