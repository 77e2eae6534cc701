"""A table of three classes, a tenth of its training labels flipped, and a network trained on it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.mislabel.rankings import Network, trained
from wherefrom_studies.mislabel.sets import Labelled, rows


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random, path = np.random.default_rng(0), tmp_path_factory.mktemp("table") / "t.csv"
    X = random.normal(size=(400, 6))
    frame = pd.DataFrame(X.round(3), columns=[f"x{place}" for place in range(6)])
    frame["y"] = np.where(X[:, 0] + X[:, 1] > 0.4, "high", np.where(X[:, 2] > 0, "mid", "low"))
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def data(table: Path) -> Labelled:
    return rows(table, "y", 0)


@pytest.fixture(scope="session")
def net(data: Labelled) -> Network:
    return trained(data, 0)
