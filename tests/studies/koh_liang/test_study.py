"""The study as a whole is its parts, which do not overwrite one another's numbers."""

from whence.studies.koh_liang import KohLiang, study


def test_the_parts_are_named_in_the_study() -> None:
    for part in ("loo", "hinge", "twins", "domain", "labels"):
        assert callable(getattr(study, part))
    assert KohLiang.takes and KohLiang.times.quick <= 120
