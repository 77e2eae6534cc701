"""What an inspection in the order of each ranking finds: AUC, average precision, recall, curves and cost, network by network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.mislabel.rankings import RANKINGS, suspects, trained
from wherefrom_studies.mislabel.sets import Labelled

FRACTIONS = (0.05, 0.1, 0.2)
POINTS = 41  # of a curve


def looked(draw: Callable[[int], Labelled], name: str, seeds: tuple[int, ...], cache: Cache, facts: dict[str, Any]) -> pd.DataFrame:
    """A row for each seed and ranking; ``curve`` is the share of flipped labels found at each of 41 shares of the data looked at."""
    told = wf.progress.track(seeds, f"{name}, networks", len(seeds))
    parts = [cache.rows(f"looked {name}", {**facts, "seed": seed}, lambda seed=seed: of_seed(draw(seed), seed)) for seed in told]
    return pd.concat(parts, ignore_index=True)


def of_seed(data: Labelled, seed: int) -> list[dict[str, Any]]:
    """All rankings of one network."""
    net = trained(data, seed)
    with torch.no_grad():
        right = float((net.problem.outputs(data.X_true).argmax(1) == data.y_true).double().mean())
    suspects(net, "loss")  # what a process pays once is no ranking's cost
    rows = []
    for name in wf.progress.track(RANKINGS, f"{data.name}, rankings of seed {seed}", len(RANKINGS)):
        values, seconds = suspects(net, name)
        found = wf.metrics.mislabel_detection(values.numpy(), data.flipped, progress=False)
        order = values.argsort(descending=True, stable=True).numpy()
        shares = np.concatenate([[0.0], data.flipped[order].cumsum() / data.flipped.sum()])
        at = np.linspace(0, len(order), POINTS).round().astype(int)
        rows.append({
            "ranking": name, "seed": seed, "accuracy": right, "auc": found.auc.value, "ap": found.average_precision.value, "seconds": seconds,
            **{f"found at {share:.0%}": float(shares[round(share * len(order))]) for share in FRACTIONS}, "curve": shares[at].tolist(),
        })  # fmt: skip
    return rows


def curves(table: pd.DataFrame, panel: str, names: list[str]) -> pd.DataFrame:
    """The mean curve of these rankings with the range of the seeds, as a chart wants it."""
    share = np.linspace(0, 1, POINTS)
    rows = []
    for name in names:
        found = np.array(table[table["ranking"] == name]["curve"].tolist())
        for x, column in zip(share, found.T, strict=True):
            rows.append({"panel": panel, "series": name, "looked": 100 * x, "value": column.mean(), "low": column.min(), "high": column.max()})
    return pd.DataFrame(rows)
