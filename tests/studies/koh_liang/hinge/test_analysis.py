"""Of the hinge: medians over queries by hand, for each number of training images."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.hinge.analysis import PUBLISHED, analyse, number_names
from wherefrom_studies.koh_liang.hinge.experiment import sizes_of


def table(images: int) -> pd.DataFrame:
    """Three queries: at t = 0 the slopes are 1, 2 and 3, at 0.001 it is 1, at 0.1 the sign is wrong."""
    actual = np.arange(4.0)
    parts = [{"query": query, "actual": actual, "t = 0": (query + 1) * actual, "t = 0.001": actual + 1, "t = 0.1": -actual} for query in range(3)]
    return pd.concat([pd.DataFrame(part) for part in parts]).assign(images=images)


@pytest.mark.parametrize("quick", [False, True])
def test_numbers_are_medians_over_queries(quick: bool, tmp_path: Path) -> None:
    study = KohLiang(tmp_path, quick)
    numbers = analyse(pd.concat([table(size) for size in sizes_of(study)], ignore_index=True)).numbers
    assert numbers.keys() == number_names(study)
    values = {name.removeprefix("hinge/5000 images/"): number.estimate.value for name, number in numbers.items() if "5000" in name}
    assert values == pytest.approx({
        "t=0/pearson": 1, "t=0/slope": 2, "t=0.001/pearson": 1, "t=0.001/slope": 1, "t=0.1/pearson": -1, "t=0.1/slope": -1,
    })  # fmt: skip
    assert numbers["hinge/5000 images/t=0.1/pearson"].original == PUBLISHED[0.1]
