"""Made-up digits that a logistic regression tells apart, mostly; and the quick form of one part."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.flipping import DigitClassifier, Digits
from wherefrom_studies.part import Part


@pytest.fixture
def model() -> DigitClassifier:
    """Thirty digits of 16 pixels and forty test digits, some of them on the wrong side."""
    random = torch.Generator().manual_seed(0)

    def drawn(count: int, first: int) -> Digits:
        y = (torch.arange(count) % 2).double()
        X = (torch.rand(count, 16, generator=random, dtype=torch.float64) + 0.2 * y[:, None]).clamp(0, 1)
        return Digits(X, y, np.arange(first, first + count))

    return DigitClassifier.train(drawn(30, 0), drawn(40, 100), 0.01)


@pytest.fixture
def run_part(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Findings]:
    """Return the tables, figures and numbers of a part's quick form; the numbers are those that it names before."""
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))

    def run(part: Part[Any, Any], **settings: Any) -> Findings:
        study = KohLiang(tmp_path, quick=True, **settings)
        results = part.analysis(part.experiment(study))
        report = part.report(results)
        assert results.numbers.keys() == part.number_names(study)
        return Findings(report.tables, report.figures, results.numbers)

    return run
