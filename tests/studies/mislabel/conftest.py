"""A table of three classes, a tenth of its training labels flipped, a network trained on it; and tables of rankings made up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.mislabel.flips import FlippedData, draw_rows
from wherefrom_studies.mislabel.inspection.analysis import COLUMNS
from wherefrom_studies.mislabel.inspection.experiment import POINTS
from wherefrom_studies.mislabel.networks import TrainedNetwork, train_network
from wherefrom_studies.mislabel.rankings import RANKINGS


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random, path = np.random.default_rng(0), tmp_path_factory.mktemp("table") / "t.csv"
    X = random.normal(size=(400, 6))
    frame = pd.DataFrame(X.round(3), columns=[f"x{place}" for place in range(6)])
    frame["y"] = np.where(X[:, 0] + X[:, 1] > 0.4, "high", np.where(X[:, 2] > 0, "mid", "low"))
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def data(table: Path) -> FlippedData:
    return draw_rows(table, "y", 0)


@pytest.fixture(scope="session")
def net(data: FlippedData) -> TrainedNetwork:
    return train_network(data, 0)


def make_up(lifts: dict[str, float], seeds: int = 5) -> pd.DataFrame:
    """Rankings about as good as the loss, seed by seed, but for a lift."""
    rows = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        base = random.uniform(0.6, 0.8)
        for place, ranking in enumerate(RANKINGS):
            auc = base + lifts.get(ranking, 0.0) + (0.0 if ranking == "loss" else random.normal() / 1000)
            others = dict.fromkeys(COLUMNS, 0.5) | {"auc": auc, "seconds": float(place)}
            rows.append({"ranking": ranking, "seed": seed, "accuracy": 0.9, **others, "curve": np.linspace(0, 1, POINTS).tolist()})
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def made_up() -> Callable[[dict[str, float]], pd.DataFrame]:
    return make_up
