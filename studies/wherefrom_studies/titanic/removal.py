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
from wherefrom_studies.titanic.data import Case
from wherefrom_studies.titanic.models import MAIN, Setting, methods_of, scored, trained

SIZES = (1, 5, 10, 25, 50, 100, 200)
COLUMNS = ("accuracy", "auc", "log loss")


def logit(outputs: Tensor, targets: Tensor) -> Tensor:
    """What is measured on a test row: its logit, from which accuracy, AUC and loss follow."""
    return outputs.reshape(-1)


def removed(one: Case, setting: Setting, seeds: tuple[int, ...], sizes: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each seed, arm and size: the change of each figure on the test rows against the same seed without removal, and that baseline."""
    settings = {**facts, **setting.facts(), "sizes": list(sizes)}
    told = wf.progress.track(seeds, f"{setting.name}, removal", len(seeds))
    parts = [cache.rows("removal", {**settings, "seed": seed}, lambda seed=seed: of_seed(one, setting, seed, sizes)) for seed in told]
    return pd.concat(parts, ignore_index=True)


def of_seed(one: Case, setting: Setting, seed: int, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rank on this seed's network for the validation rows, train again without the tops, and judge on the test rows."""
    run, methods = trained(one, setting, seed), methods_of(setting)
    rankings = {name: scored(run, methods[name], one.rows(one.validation), aggregate=True)[0] for name in MAIN if name in methods}
    measured = setting.problem(one, wf.binary_cross_entropy(measurement=logit))
    found = wf.retraining.removal_curve(
        measured,
        {name: [scores] for name, scores in rankings.items()},
        one.rows(one.test),
        setting.trainer(),
        sizes=sizes,
        seeds=[seed],
        progress=False,
    )
    y, rows = one.y[one.test].numpy(), []
    for arm, (outcomes,) in found.arms.items():
        before = figures(outcomes.baseline[0], y)
        for place, (name, ids) in enumerate(outcomes.groups.items()):
            size = len(ids)
            if arm in rankings and set(ids) != set(rankings[arm].top(size).ids[0].tolist()):
                raise AssertionError(f"{name} of seed {seed} left out other ids than were ranked first.")
            after = figures(outcomes.values[0, :, place], y)
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


def figures(logits: Tensor, y: np.ndarray) -> dict[str, float]:
    """Accuracy, AUC and mean loss of logits."""
    truth = torch.from_numpy(y).to(logits)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    return {"accuracy": float(((logits > 0).numpy() == (y > 0)).mean()), "auc": float(roc_auc_score(y, logits.numpy())), "log loss": float(loss)}


def seed_band(table: pd.DataFrame, figure: str) -> float:
    """Half the width that holds 95 % of the differences between two networks trained on everything, by their seeds alone."""
    each = table.groupby("seed")[f"{figure} before"].first().to_numpy()
    apart = np.abs(each[:, None] - each[None, :])[np.triu_indices(len(each), 1)]
    return float(np.quantile(apart, 0.95))


def excess(table: pd.DataFrame, arm: str, control: str, size: int, figure: str) -> np.ndarray:
    """The arm's change less its control's, seed by seed."""
    each = table[table["removed"] == size].pivot(index="seed", columns="arm", values=figure)
    return (each[arm] - each[control]).to_numpy()
