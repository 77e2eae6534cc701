"""The whole study's quick form: its bars are the issue's, and its sentences cite numbers that each form has."""

from pathlib import Path

import pytest

from wherefrom_studies import STUDIES
from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif import RelatIFStudy


def test_the_study_is_listed_and_its_bars_are_asked(quick: Findings) -> None:
    assert STUDIES["relatif"] is RelatIFStudy
    bars = {bar.number: (bar.at_least, bar.at_most) for bar in quick.bars}
    assert sum(at_least == 2 for at_least, _ in bars.values()) == 2 and sum(at_most == 0.02 for _, at_most in bars.values()) == 2
    assert bars["digits/most cost"] == bars["networks/most cost"] == (None, 2)
    assert len(quick.texts()) == len(quick.sentences) >= 10


@pytest.mark.parametrize("is_quick", [False, True])
def test_sentences_and_bars_name_numbers_that_the_form_has(is_quick: bool, tmp_path: Path) -> None:
    outline = RelatIFStudy(tmp_path, quick=is_quick).check()
    assert (len(outline.findings), len(outline.originals), len(outline.replaced)) == (16, 5, 1)
