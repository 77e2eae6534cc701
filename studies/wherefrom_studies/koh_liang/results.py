"""What most parts give: their rows and the numbers made of them."""

from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Numbers


@dataclass(frozen=True, eq=False)
class RowResults:
    """The rows of an experiment and the numbers made of them."""

    rows: pd.DataFrame
    numbers: Numbers
