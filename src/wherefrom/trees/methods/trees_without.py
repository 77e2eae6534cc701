"""What a forest's trees that never saw a row say: leaving it out without training, with the error of so few trees."""

from dataclasses import dataclass

import numpy as np
import torch

from wherefrom.data.batches import Batch
from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.problem import Problem
from wherefrom.scores import Scores
from wherefrom.trees.methods.forest_kernel import drawn
from wherefrom.trees.methods.table_method import TableMethod
from wherefrom.trees.proof import Proof


@dataclass(frozen=True)
class TreesWithout(Method):
    """The worsening of the query's measurement from the whole forest's mean to that of the trees that did not draw row i.

    An estimate of real leave-one-out, structure and all; it needs many trees, and :func:`wherefrom.trees.standard_errors` says how far to trust it.
    ``unit="loss change"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Prove the leaves. Raises :class:`wherefrom.UsageError` for boosted trees, without bootstrap, and for a row that every tree drew."""
        proof = Proof.of(problem)
        return _Fitted(proof, _absent(proof, 1))

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="what each tree says of the queries")


@dataclass(frozen=True)
class InfinitesimalJackknife(Method):
    """-Cov over trees of (how often the tree drew row i, what it says), times the slope of the query's measurement (Wager, Hastie & Efron 2014).

    The derivative of a bagged forest in the share with which row i is drawn, so structure moves as well. ``unit="loss change"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Prove the leaves. Raises :class:`wherefrom.UsageError` for boosted trees and without bootstrap."""
        proof = Proof.of(problem)
        return _FittedJackknife(proof, drawn(proof).astype(np.float64))

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="what each tree says of the queries")


def standard_errors(problem: Problem, queries: Queries) -> Scores:
    """Return the standard error of each score of :class:`TreesWithout` by the scatter of trees, the measurement taken as linear (q, n).

    mean(out) - mean(all) = (B_in / B) (mean(out) - mean(in)), and trees given what they drew are independent.
    """
    proof = Proof.of(problem)
    absent, tables = _absent(proof, 2).astype(np.float64), []
    inside = 1 - absent
    asked = proof.problem.examples(queries)
    for batch in proof.problem.batches(asked):
        said = np.einsum("qk,qbk->qb", proof.problem.cotangents(batch), _said(proof, batch))
        parts = []
        for chosen in (absent, inside):
            count = chosen.sum(1)
            mean = said @ chosen.T / count
            variance = np.maximum((said**2) @ chosen.T / count - mean**2, 0) * count / (count - 1)
            parts.append(variance / count)
        tables.append(inside.mean(1) * np.sqrt(parts[0] + parts[1]))
    values = torch.from_numpy(np.concatenate(tables))
    return Scores(values, asked.ids, problem.ids, problem.objective.unit, "standard error of TreesWithout()", problem.fingerprint())


def _absent(proof: Proof, fewest: int) -> np.ndarray:
    """Which trees did not draw each training row (n, trees)."""
    absent = drawn(proof) == 0
    few = (absent.sum(1) < fewest) | ((~absent).sum(1) < fewest)
    if few.any():
        name = proof.problem.ids[int(few.argmax())]
        raise UsageError(f"Fewer than {fewest} trees drew example {name!s} or went without it; fit more trees: n_estimators=1000.")
    return absent


def _said(proof: Proof, batch: Batch) -> np.ndarray:
    """What each tree says of each query (q, trees, K)."""
    problem = proof.problem
    return proof.forest.per_tree(problem.leaves_of(batch.inputs), problem.state["values"].numpy())


@dataclass(frozen=True, eq=False)
class _Fitted(TableMethod):
    absent: np.ndarray

    def table(self, batch: Batch) -> np.ndarray:
        problem, said = self.proof.problem, _said(self.proof, batch)
        chosen = self.absent / self.absent.sum(1, keepdims=True)
        without = torch.from_numpy(np.einsum("nb,qbk->qnk", chosen, said, optimize=True)).flatten(0, 1)
        without = without[:, 0] if self.proof.forest.outputs == 1 else without
        after = problem.measurements(without, batch.repeated(len(chosen))).reshape(len(batch), -1)
        before = problem.measurements(problem.outputs(batch.inputs), batch)
        return (problem.objective.sign * (after - before[:, None])).numpy()


@dataclass(frozen=True, eq=False)
class _FittedJackknife(TableMethod):
    counts: np.ndarray

    def table(self, batch: Batch) -> np.ndarray:
        said = np.einsum("qk,qbk->qb", self.proof.problem.cotangents(batch), _said(self.proof, batch))
        centred = self.counts - self.counts.mean(1, keepdims=True)
        return -(said - said.mean(1, keepdims=True)) @ centred.T / self.counts.shape[1]
