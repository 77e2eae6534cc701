"""A small table whose ids are not positions, and everything that the study measures on it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import torch

from wherefrom_studies import Cache
from wherefrom_studies.findings import Numbers
from wherefrom_studies.titanic.data import PassengerTable
from wherefrom_studies.titanic.defects import analysis as defects_analysis
from wherefrom_studies.titanic.defects.analysis import DefectResults
from wherefrom_studies.titanic.defects.experiment import repeat_for_seeds
from wherefrom_studies.titanic.models import NetworkSetting
from wherefrom_studies.titanic.removal import analysis as removal_analysis
from wherefrom_studies.titanic.removal.analysis import RemovalResults
from wherefrom_studies.titanic.removal.experiment import remove_for_setting
from wherefrom_studies.titanic.scores import analysis as scores_analysis
from wherefrom_studies.titanic.scores.analysis import ScoreResults
from wherefrom_studies.titanic.scores.experiment import score_setting
from wherefrom_studies.titanic.turned_labels import analysis as turned_analysis
from wherefrom_studies.titanic.turned_labels.analysis import TurnedLabelResults
from wherefrom_studies.titanic.turned_labels.experiment import turn_for_seeds
from wherefrom_studies.titanic.variation import analysis as variation_analysis
from wherefrom_studies.titanic.variation.analysis import VariationResults
from wherefrom_studies.titanic.variation.experiment import vary_for_seeds

SEEDS = (0, 1)
SIZES = (1, 5, 50, 200)
NETWORKS = [NetworkSetting(batch=32), NetworkSetting(batch=4)]


@pytest.fixture(scope="session")
def small() -> PassengerTable:
    random = np.random.default_rng(0)
    X = random.normal(size=(270, 4))
    y = X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=270) / 2 > 0
    ids, order = 3 * np.arange(270) + 7, random.permutation(270)
    train, validation, test = (np.sort(part) for part in np.split(order, (210, 240)))
    return PassengerTable(torch.from_numpy(X), torch.from_numpy(y).long(), ids, tuple(f"row {key}" for key in ids), train, validation, test)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def score_results(small: PassengerTable, cache: Cache) -> ScoreResults:
    settings = (*NETWORKS, NetworkSetting(()))
    return scores_analysis.analyse({setting.name: score_setting(small, setting, SEEDS, cache, {}) for setting in settings})


@pytest.fixture(scope="session")
def removal_results(small: PassengerTable, cache: Cache) -> RemovalResults:
    tables: Mapping[str, pd.DataFrame] = {each.name: remove_for_setting(small, each, SEEDS, SIZES, cache, {}) for each in NETWORKS}
    return removal_analysis.analyse(tables)


@pytest.fixture(scope="session")
def variation_results(small: PassengerTable, cache: Cache) -> VariationResults:
    return variation_analysis.analyse(vary_for_seeds(small, SEEDS, ("one hidden layer",), cache, {}))


@pytest.fixture(scope="session")
def turned_label_results(small: PassengerTable, cache: Cache) -> TurnedLabelResults:
    return turned_analysis.analyse(turn_for_seeds(small, SEEDS, cache, {}))


@pytest.fixture(scope="session")
def defect_results(small: PassengerTable, cache: Cache) -> DefectResults:
    return defects_analysis.analyse(repeat_for_seeds(small, SEEDS, cache, {}))


@pytest.fixture(scope="session")
def numbers(
    score_results: ScoreResults, removal_results: RemovalResults, variation_results: VariationResults, turned_label_results: TurnedLabelResults,
    defect_results: DefectResults,
) -> Numbers:  # fmt: skip
    every = (score_results, removal_results, variation_results, turned_label_results, defect_results)
    return {name: number for results in every for name, number in results.numbers.items()}
