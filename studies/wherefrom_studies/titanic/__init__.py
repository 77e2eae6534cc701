"""How fragile influence rankings are, on the passengers of the Titanic or a table of the user's own."""

from wherefrom_studies.titanic.study import Titanic

__all__ = ["Titanic"]
