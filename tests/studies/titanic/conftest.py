"""A small case whose ids are not positions, and everything that the study measures on it."""

import numpy as np
import pytest
import torch

from wherefrom_studies import Cache
from wherefrom_studies.titanic.data import Case
from wherefrom_studies.titanic.defects import defects
from wherefrom_studies.titanic.models import Setting
from wherefrom_studies.titanic.numbers import Numbers, Tables, numbers
from wherefrom_studies.titanic.planted import planted
from wherefrom_studies.titanic.removal import removed
from wherefrom_studies.titanic.scoring import measured
from wherefrom_studies.titanic.variation import varied

SEEDS = (0, 1)
SIZES = (1, 5, 50, 200)


@pytest.fixture(scope="session")
def small() -> Case:
    random = np.random.default_rng(0)
    X = random.normal(size=(270, 4))
    y = X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=270) / 2 > 0
    ids, order = 3 * np.arange(270) + 7, random.permutation(270)
    train, validation, test = (np.sort(part) for part in np.split(order, (210, 240)))
    return Case(torch.from_numpy(X), torch.from_numpy(y).long(), ids, tuple(f"row {key}" for key in ids), train, validation, test)


@pytest.fixture(scope="session")
def tables(small: Case, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    cache = Cache(tmp_path_factory.mktemp("tables"))
    networks = [Setting(batch=32), Setting(batch=4)]
    return Tables(
        {one.name: measured(small, one, SEEDS, cache, {}) for one in (*networks, Setting(()))},
        {one.name: removed(small, one, SEEDS, SIZES, cache, {}) for one in networks},
        varied(small, SEEDS, ("one hidden layer",), cache, {}),
        planted(small, SEEDS, cache, {}),
        defects(small, SEEDS, cache, {}),
    )


@pytest.fixture(scope="session")
def found(tables: Tables) -> Numbers:
    return numbers(tables)
