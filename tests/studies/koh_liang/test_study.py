"""The study as a whole: its parts in order, and what each form will say."""

from pathlib import Path

import pytest

from wherefrom_studies.koh_liang import KohLiang

PARTS = ["loo", "cnn", "hinge", "terms", "twins", "attack", "mismatch", "labels", "starts"]


@pytest.mark.parametrize("quick", [False, True])
def test_the_study_is_its_nine_experiments_and_three_about_starts(quick: bool, tmp_path: Path) -> None:
    study = KohLiang(tmp_path, quick=quick, seeds=3)
    first = [{name.split("/")[0] for name in part.number_names(study)} for part in study.parts()]
    assert first == [{name} for name in [*PARTS, "starts", "starts"]]
    assert KohLiang.takes and KohLiang.times.quick <= 120


@pytest.mark.parametrize(("quick", "sentences"), [(False, 23), (True, 21)])
def test_sentences_and_bars_name_numbers_that_the_form_has(quick: bool, sentences: int, tmp_path: Path) -> None:
    outline = KohLiang(tmp_path, quick=quick).check()
    assert len(outline.findings) == sentences and len(outline.originals) == 5 and len(outline.replaced) == 4
