"""What every test shares: a seed and the data folder."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = os.environ.get("WHEREFROM_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("WHEREFROM_DATA names no folder of real data")
    return Path(folder)
