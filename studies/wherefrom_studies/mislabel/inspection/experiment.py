"""What an inspection in the order of each ranking comes upon: AUC, average precision, recall, curves and cost, network by network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.mislabel.flips import Draw, FlippedData, draws_of, image_count
from wherefrom_studies.mislabel.networks import train_network
from wherefrom_studies.mislabel.rankings import LOSS, RANKINGS, suspicions
from wherefrom_studies.study import Study

FRACTIONS = (0.05, 0.1, 0.2)
POINTS = 41  # of a curve


def inspect_sets(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table of each set."""
    settings = {"data": str(study.data), "target": study.target, "images": image_count(study)}
    return {name: inspect_set(draw, name, study.count(5, 2), study.cache, settings) for name, draw in draws_of(study).items()}


def inspect_set(draw: Draw, name: str, seeds: tuple[int, ...], cache: Cache, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row for each seed and ranking; ``curve`` is the share of flipped labels come upon at each of 41 shares of the data looked at."""
    tracked = wf.progress.track(seeds, f"{name}, networks", len(seeds))
    parts = [cache.rows(f"looked {name}", {**settings, "seed": seed}, lambda seed=seed: inspect_seed(draw(seed), seed)) for seed in tracked]
    return pd.concat(parts, ignore_index=True)


def inspect_seed(data: FlippedData, seed: int) -> list[dict[str, Any]]:
    """Train one network and inspect its examples by every ranking."""
    net = train_network(data, seed)
    with torch.no_grad():
        accuracy = float((net.problem.outputs(data.X_true).argmax(1) == data.y_true).double().mean())
    suspicions(net, LOSS)  # what a process pays once is no ranking's cost
    rows = []
    for name in wf.progress.track(RANKINGS, f"{data.name}, rankings of seed {seed}", len(RANKINGS)):
        values, seconds = suspicions(net, name)
        detection = wf.metrics.mislabel_detection(values.numpy(), data.flipped, progress=False)
        order = values.argsort(descending=True, stable=True).numpy()
        shares = np.concatenate([[0.0], data.flipped[order].cumsum() / data.flipped.sum()])
        at = np.linspace(0, len(order), POINTS).round().astype(int)
        rows.append({
            "ranking": name, "seed": seed, "accuracy": accuracy, "auc": detection.auc.value, "ap": detection.average_precision.value,
            "seconds": seconds, **{recall_column(share): float(shares[round(share * len(order))]) for share in FRACTIONS},
            "curve": shares[at].tolist(),
        })  # fmt: skip
    return rows


def recall_column(share: float) -> str:
    """Return the column of the share of flipped labels that looking at this share of the data comes upon."""
    return f"found at {share:.0%}"
