"""The passengers of the Titanic, Kaggle's training table: 891 rows, Survived 0 or 1."""

from pathlib import Path

from wherefrom.datasets.locate import locate
from wherefrom.datasets.tables import Table, read_table

TITANIC = "https://raw.githubusercontent.com/datasciencedojo/datasets/master/titanic.csv"


def titanic(path: str | Path | None = None) -> Table:
    """Class, sex, age, family, fare and port of each passenger, and whether they survived; ids are row numbers."""
    return read_table(locate("titanic.csv", TITANIC, path), "Survived", name="titanic")
