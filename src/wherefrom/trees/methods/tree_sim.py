"""TreeSim (Brophy et al. 2023): rows that share leaves with the query, with a sign by their labels."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from wherefrom.data.batches import Batch
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.problem import Problem
from wherefrom.trees.methods.table_method import RankingTable
from wherefrom.trees.proof import Proof


@dataclass(frozen=True)
class TreeSim(Method):
    """The share of trees in which row and query have one leaf, positive where their labels agree and negative where they do not.

    Classes agree where they are the same; numbers where both lie on one side of what the model says of the query. A baseline; ``unit="arbitrary"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Prove the leaves."""
        return _Fitted(Proof.of(problem))

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="a replay of the leaf values")


def same_leaf(one: np.ndarray, other: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the share of trees in which two rows have one leaf: leaves (a, rounds, trees) and (b, rounds, trees) -> (a, b)."""
    first = np.concatenate([[0], np.cumsum(sizes.ravel())])
    matrices = []
    for leaves in (one, other):
        flat = leaves.reshape(len(leaves), -1) + first[:-1]
        matrices.append(csr_array((np.ones(flat.size), flat.ravel(), np.arange(len(flat) + 1) * flat.shape[1]), shape=(len(flat), int(first[-1]))))
    return (matrices[0] @ matrices[1].T).toarray() / sizes.size


@dataclass(frozen=True, eq=False)
class _Fitted(RankingTable):
    def table(self, batch: Batch) -> np.ndarray:
        problem, rows = self.proof.problem, self.proof.rows
        kernel = same_leaf(problem.leaves_of(batch.inputs), rows.leaves, problem.structure.sizes)
        wanted = batch.targets.double().numpy()[:, None]
        if problem.origin.targets.classes is not None:
            return kernel * np.where(rows.y == wanted, 1.0, -1.0)
        said = problem.outputs(batch.inputs).numpy()[:, None]
        return kernel * np.where((rows.y >= said) == (wanted >= said), 1.0, -1.0)
