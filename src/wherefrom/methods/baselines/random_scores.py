"""Scores that know nothing: the row of chance that every comparison needs."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.problem import Problem


@dataclass(frozen=True)
class RandomScores(Method):
    """Standard normal scores, fixed by the seed and the two ids alone: the same whatever the batch size and order."""

    seed: int = 0

    def fit(self, problem: Problem) -> FittedMethod:
        """Nothing to prepare."""
        return _FittedRandom(self.seed, problem)

    def work(self, problem: Problem) -> Work:
        """No passes at all."""
        return Work(problem, score=0)


@dataclass(frozen=True, eq=False)
class _FittedRandom(FittedMethod):
    seed: int
    problem: Problem
    unit: str = "arbitrary"
    size: int = 1024

    def prepare(self, queries: Iterable[Batch]) -> Score:
        keys = np.concatenate([_hashed("query", batch.ids, self.seed) for batch in queries])
        return lambda batch: self._normal(keys[:, None] ^ _hashed("train", batch.ids, self.seed))

    def own(self, batch: Batch) -> Tensor:
        return self._normal(_hashed("own", batch.ids, self.seed))

    def _normal(self, keys: np.ndarray) -> Tensor:
        with np.errstate(over="ignore"):  # splitmix64 (Steele et al. 2014) counts modulo 2**64
            mixed = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        uniform = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) + 0.5
        return torch.special.ndtri(torch.from_numpy(uniform * 2.0**-53)).to(self.problem.device, self.problem.dtype)


def _hashed(role: str, ids: np.ndarray, seed: int) -> np.ndarray:
    digests = [hashlib.blake2b(f"{role}|{seed}|{key}".encode(), digest_size=8).digest() for key in ids.tolist()]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
