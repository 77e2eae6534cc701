"""The passengers of the Titanic."""

from pathlib import Path

from wherefrom.datasets import titanic


def test_rows_and_classes(data_folder: Path) -> None:
    table = titanic(data_folder)
    assert table.name == "titanic" and len(table.ids) == 891 and table.classes == ("0", "1")
