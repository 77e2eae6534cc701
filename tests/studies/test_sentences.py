"""A template becomes the paragraphs of its headings; a wrong name, word or heading is refused."""

import pytest
from jinja2 import UndefinedError

from wherefrom_studies.sentences import Sentences, render

TEMPLATE = """{# A remark. #}
# Findings

{% for name in names %}
{{ name }} is
{{ cite(name) }}.

{% endfor %}
It is {{ word }}.
# Where the original was wrong

It was.
"""


def test_paragraphs_stand_under_their_headings_with_names_in_braces() -> None:
    rendered = render(TEMPLATE.replace("\n# Where", "\n\n# Where"), {"a/x", "a/y"}, {"names": ["a/x", "a/y"], "word": "so"})
    assert rendered == Sentences(("a/x is {a/x}.", "a/y is {a/y}.", "It is so."), ("It was.",))


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no number 'a/z'. Did you mean 'a/x'"):
        render(TEMPLATE, {"a/x"}, {"names": ["a/z"], "word": "so"})
    with pytest.raises(UndefinedError, match="'word' is undefined"):
        render(TEMPLATE, {"a/x"}, {"names": ["a/x"]})
    with pytest.raises(ValueError, match="The heading 'Finding' is none of Findings"):
        render("# Finding\n\nIt is.", (), {})
    with pytest.raises(ValueError, match="The heading '' is none of"):
        render("It is.", (), {})
