"""Of the terms: medians over queries by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.terms.analysis import analyse, number_names
from wherefrom_studies.koh_liang.terms.experiment import FORMS, PRODUCT, WHOLE


def test_numbers_are_medians_over_queries(tmp_path: Path) -> None:
    actual = np.array([-2.0, -1.0, 1.0, 3.0])
    rows = {"actual": actual, **dict.fromkeys(FORMS, actual**3), PRODUCT: actual.max() - actual}
    numbers = analyse(pd.concat([pd.DataFrame({"query": query, **rows}) for query in range(2)])).numbers
    assert numbers.keys() == number_names(KohLiang(tmp_path)) == number_names(KohLiang(tmp_path, quick=True))
    value = {name: number.estimate.value for name, number in numbers.items()}
    assert value[f"terms/{WHOLE}/pearson"] == pytest.approx(np.corrcoef(actual, actual**3)[0, 1])
    assert value[f"terms/{WHOLE}/spearman"] == pytest.approx(1) and value[f"terms/{PRODUCT}/spearman"] == pytest.approx(-1)
    assert value[f"terms/{WHOLE}/sign"] == 1 and value[f"terms/{PRODUCT}/sign"] == 0.25
