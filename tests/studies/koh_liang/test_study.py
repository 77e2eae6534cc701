"""The study as a whole is its parts, which do not overwrite one another's numbers."""

from pathlib import Path

import pytest

from wherefrom_studies.findings import Findings, single
from wherefrom_studies.koh_liang import KohLiang, study

PARTS = ("loo", "cnn", "hinge", "terms", "twins", "attack", "domain", "labels", "starts")


def test_the_study_is_its_nine_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in PARTS:
        assert callable(getattr(study, part))
        monkeypatch.setattr(study, part, lambda of, part=part: Findings(numbers={f"{part}/seeds": single("seeds", of.seeds)}))
    found = KohLiang(tmp_path, seeds=3).run()
    assert list(found.numbers) == [f"{part}/seeds" for part in PARTS] and {found.value(name) for name in found.numbers} == {3}
    assert KohLiang.takes and KohLiang.times.quick <= 120
