"""Settings of a study: refused where they make no sense; and what it will say is checked before it trains."""

from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd
import pytest

import wherefrom as wf
from wherefrom_studies import STUDIES, Bar, Study, single
from wherefrom_studies.fragility import Fragility
from wherefrom_studies.fragility.medians import NetworkResults
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.part import Part, Report
from wherefrom_studies.sentences import Sentences


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"seeds": 0}, "asks for no run"),
        ({"data": Path("x.csv")}, "has data of its own"),
        ({"target": "y"}, "give both"),
        ({"device": "abacus"}, "--device abacus cannot be used"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match=sentence):
        Fragility(tmp_path, **settings)  # type: ignore[arg-type]


def test_data_that_are_not_there_or_cannot_be_asked_are_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="nothing at --data"):
        KohLiang(tmp_path, data=tmp_path / "none.csv", target="y")
    (tmp_path / "t.csv").write_text("a,y\n" + "u,1\nv,0\n" * 4)
    with pytest.raises(wf.UsageError, match="needs --target"):
        KohLiang(tmp_path, data=tmp_path / "t.csv")
    with pytest.raises(wf.UsageError, match="No categorical column"):
        KohLiang(tmp_path, data=tmp_path / "t.csv", target="y")


def test_seeds_are_those_asked_for_or_the_forms_own(tmp_path: Path) -> None:
    assert Fragility(tmp_path).count(20, 3) == tuple(range(20)) and Fragility(tmp_path, quick=True).count(20, 3) == (0, 1, 2)
    assert Fragility(tmp_path, quick=True, seeds=5).count(20, 3) == (0, 1, 2, 3, 4)


def test_times_say_what_is_measured() -> None:
    for study in STUDIES.values():
        assert study.times.quick < 120 and "seconds" in study.times.in_words(True)
        assert ("measured" if study.times.measured else "estimated") in study.times.in_words(False)


BLANK = pd.DataFrame()
RESULTS = NetworkResults(BLANK, {"a/x": single("a/x", 1.0)}, BLANK)


def untrained(study: Study) -> pd.DataFrame:
    raise AssertionError("Nothing is trained before sentences and bars are checked.")


def part_of(names: Collection[str], bar: str, experiment: Callable[[Study], pd.DataFrame] = untrained) -> Part[pd.DataFrame, NetworkResults]:
    return Part(experiment, lambda study: names, lambda table: RESULTS, lambda results: Report({"a table": BLANK}), (Bar(bar, at_least=0.5),))


def test_a_wrong_key_is_refused_before_any_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fragility, "parts", lambda study: (part_of(["iris/decay/constants"], "iris/decay/constants"),))
    with pytest.raises(ValueError, match="There is no number 'iris/tanh/depth 1"):
        Fragility(tmp_path).run()
    monkeypatch.setattr("wherefrom_studies.study.render", lambda *arguments: Sentences())
    with pytest.raises(AssertionError, match="Nothing is trained"):
        Fragility(tmp_path).run()
    monkeypatch.setattr(Fragility, "parts", lambda study: (part_of(["a/x"], "a/y"),))
    with pytest.raises(ValueError, match="There is no number 'a/y'. Did you mean 'a/x'"):
        Fragility(tmp_path).run()
    monkeypatch.setattr(Fragility, "parts", lambda study: (part_of(["a/x"], "a/x"),) * 2)
    with pytest.raises(ValueError, match="Two parts have numbers called"):
        Fragility(tmp_path).run()


def test_what_cites_a_number_that_no_seed_gave_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Sentences(("It is {a/x}.", "It is {a/y}."), ("It was wrong.",))
    monkeypatch.setattr("wherefrom_studies.study.render", lambda *arguments: said)
    monkeypatch.setattr(Fragility, "parts", lambda study: (part_of(["a/x", "a/y"], "a/x", lambda study: BLANK),))
    findings = Fragility(tmp_path).run()
    assert findings.texts() == ("It is 1.",) and findings.originals == ("It was wrong.",) and len(findings.bars) == 1
    monkeypatch.setattr(Fragility, "parts", lambda study: (part_of(["a/x", "a/y"], "a/y", lambda study: BLANK),))
    assert Fragility(tmp_path).run().bars == ()
