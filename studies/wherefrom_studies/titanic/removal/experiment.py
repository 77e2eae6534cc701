"""Leaving the top of a ranking out: by id, with paired seeds, beside random rows, random rows of the same classes and no removal at all."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.data import PassengerTable, passengers_of
from wherefrom_studies.titanic.models import MAIN, NetworkSetting, methods_of, networks_of, score, seeds_of, train_network

SIZES = (1, 5, 10, 25, 50, 100, 200)
RANDOM, CLASSES_AS_IN = "random", "random, classes as in "
COLUMNS = ("accuracy", "auc", "log loss")


def logit(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return what is measured on a test row: its logit, from which accuracy, AUC and loss follow."""
    return outputs.reshape(-1)


def remove_tops(study: Study) -> dict[str, pd.DataFrame]:
    """Return a table for each network, by the name of its setting."""
    passengers, facts = passengers_of(study)
    return {
        setting.name: remove_for_setting(passengers, setting, seeds_of(study), sizes_of(study), study.cache, facts) for setting in networks_of(study)
    }


def sizes_of(study: Study) -> tuple[int, ...]:
    """Return how many rows are left out in a form."""
    return study.either(SIZES, (1, 5, 50, 200))


def remove_for_setting(
    passengers: PassengerTable, setting: NetworkSetting, seeds: tuple[int, ...], sizes: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a row for each seed, arm and size: the change of each figure on the test rows from the same seed without removal, and that baseline."""
    settings = {**facts, **setting.facts(), "sizes": list(sizes)}
    tracked = wf.progress.track(seeds, f"{setting.name}, removal", len(seeds))
    parts = [
        cache.rows("removal", {**settings, "seed": seed}, lambda seed=seed: remove_for_seed(passengers, setting, seed, sizes)) for seed in tracked
    ]
    return pd.concat(parts, ignore_index=True)


def remove_for_seed(passengers: PassengerTable, setting: NetworkSetting, seed: int, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rank on this seed's network for the validation rows, train again without the tops, and judge on the test rows."""
    run, methods = train_network(passengers, setting, seed), methods_of(setting)
    rankings = {name: score(run, methods[name], passengers.rows(passengers.validation), aggregate=True)[0] for name in MAIN if name in methods}
    problem = setting.problem(passengers, wf.binary_cross_entropy(measurement=logit))
    curves = wf.retraining.removal_curve(
        problem,
        {name: [scores] for name, scores in rankings.items()},
        passengers.rows(passengers.test),
        setting.trainer(),
        sizes=sizes,
        seeds=[seed],
        progress=False,
    )
    y, rows = passengers.y[passengers.test].numpy(), []
    for arm, (outcomes,) in curves.arms.items():
        before = figures_of(outcomes.baseline[0], y)
        for place, (name, ids) in enumerate(outcomes.groups.items()):
            size = len(ids)
            if arm in rankings and set(ids) != set(rankings[arm].top(size).ids[0].tolist()):
                raise AssertionError(f"{name} of seed {seed} left out other ids than were ranked first.")
            after = figures_of(outcomes.values[0, :, place], y)
            rows.append(
                {
                    "arm": arm,
                    "removed": size,
                    "seed": seed,
                    **{key: after[key] - before[key] for key in COLUMNS},
                    **{f"{key} before": before[key] for key in COLUMNS},
                }
            )
    return rows


def figures_of(logits: Tensor, y: np.ndarray) -> dict[str, float]:
    """Return accuracy, AUC and mean loss of logits."""
    truth = torch.from_numpy(y).to(logits)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    return {"accuracy": float(((logits > 0).numpy() == (y > 0)).mean()), "auc": float(roc_auc_score(y, logits.numpy())), "log loss": float(loss)}
