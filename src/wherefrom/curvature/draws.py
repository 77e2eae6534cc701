"""Targets drawn from the model, each example's from noise of its own: the same for any batch size, order or number of processes."""

from math import prod
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.objective import IGNORED, FromUniform
from wherefrom.problem import Problem

STEP, FIRST, SECOND = (np.uint64(value) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def drawn_targets(problem: Problem, outputs: Tensor, batch: Batch, seed: int, draw: int) -> Tensor:
    """Targets that the model itself might give for these outputs; positions that the data leave out stay left out."""
    sample = problem.objective.sample
    if sample is None:
        raise UsageError("The objective has no sampler to draw targets with; give Objective(sample=...), or use GaussNewton() or samples=None.")
    keys = [crc32(f"{seed} {draw} {key}".encode()) for key in batch.ids.tolist()]
    if isinstance(sample, FromUniform):
        noise = torch.from_numpy(uniform(keys, prod(outputs.shape[1:])))
        targets = sample.targets(outputs, noise.view(outputs.shape).to(outputs.device))
    else:
        generators = [torch.Generator(outputs.device).manual_seed(key) for key in keys]
        targets = torch.cat([sample(outputs[j : j + 1], generator) for j, generator in enumerate(generators)])
    given = batch.targets
    if not isinstance(given, Tensor) or given.is_floating_point():
        return targets
    if given.dim() == targets.dim() == 2 and given.shape[1] < targets.shape[1]:  # virtual tokens before the sequence
        given = F.pad(given, (targets.shape[1] - given.shape[1], 0), value=IGNORED)
    if given.shape == targets.shape:
        targets = torch.where(given == IGNORED, IGNORED, targets)
    return targets


def uniform(keys: list[int], count: int) -> np.ndarray:
    """(keys, count) numbers between 0 and 1, each a hash of its key and place (SplitMix64, Steele et al. 2014)."""
    starts = _mixed(np.array(keys, dtype=np.uint64) * STEP)
    places = (np.arange(count, dtype=np.uint64) + np.uint64(1)) * STEP
    return ((_mixed(starts[:, None] + places) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mixed(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * FIRST
    values = (values ^ (values >> np.uint64(27))) * SECOND
    return values ^ (values >> np.uint64(31))
