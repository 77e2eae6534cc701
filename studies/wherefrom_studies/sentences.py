"""The sentences of a study: one template, in which every citation is looked up as it is rendered."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined

from wherefrom_studies.findings import look_up

FINDINGS, ORIGINALS, REPLACED = HEADINGS = ("Findings", "Where the original was wrong", "In place of data not at hand")


@dataclass(frozen=True)
class Sentences:
    """The paragraphs under each heading; numbers stand in them as names in braces."""

    findings: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def render(template: str, known: Collection[str], words: Mapping[str, Any]) -> Sentences:
    """Return the sentences of a template: paragraphs below ``# Heading`` lines.

    ``cite(name)`` stands for a number, ``words`` is what else the template may use. A name that is not ``known`` or a heading that is not one of
    ``HEADINGS`` raises ``ValueError``, a word that is not there jinja's ``UndefinedError``.
    """
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    text = environment.from_string(template).render({**words, "cite": lambda name: "{" + look_up(name, known) + "}"})
    paragraphs: dict[str, list[str]] = {heading: [] for heading in HEADINGS}
    heading = ""
    for paragraph in (" ".join(lines.split()) for lines in text.split("\n\n") if lines.strip()):
        if paragraph.startswith("# "):
            heading = paragraph.removeprefix("# ")
        elif heading in paragraphs:
            paragraphs[heading].append(paragraph)
        if heading not in paragraphs:
            raise ValueError(f"The heading {heading!r} is none of {', '.join(HEADINGS)}.")
    return Sentences(*(tuple(paragraphs[name]) for name in HEADINGS))
