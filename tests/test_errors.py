"""Names that are nearly right."""

from wherefrom.errors import nearest


def test_nearest_name_or_nothing() -> None:
    assert nearest("Survivd", ["Age", "Survived"]) == " Did you mean 'Survived'?"
    assert nearest("zzz", ["Age"]) == ""
