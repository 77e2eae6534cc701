"""The whole study's quick form: its bars are the issue's, its sentences cite numbers, and it resumes from what is kept."""

from pathlib import Path

import pytest

from wherefrom_studies import STUDIES
from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif import RelatIF, networks


def test_the_study_is_listed_and_its_bars_are_asked(quick: Findings) -> None:
    assert STUDIES["relatif"] is RelatIF
    bars = {bar.number: (bar.at_least, bar.at_most) for bar in quick.bars}
    assert sum(at_least == 2 for at_least, _ in bars.values()) == 2 and sum(at_most == 0.02 for _, at_most in bars.values()) == 2
    assert bars["digits/most cost"] == bars["networks/most cost"] == (None, 2)
    assert len(quick.texts()) == len(quick.sentences) >= 10


def test_networks_that_are_kept_are_not_trained_again(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    study = RelatIF(tmp_path, quick=True)
    first = networks.measured(study, networks.SMALL, study.cache)
    monkeypatch.setattr(networks, "looked", lambda *_: pytest.fail("trained again"))
    again = networks.measured(study, networks.SMALL, study.cache)
    assert len(again) == len(first) == 15
