"""Which leaves a row falls in, as features: for nearest neighbours in a model's own terms."""

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.trees.proof import tree_problem


def leaf_features(problem: Problem, queries: Queries) -> tuple[Tensor, Tensor]:
    """Return a column for each leaf of each tree, 1 where the row falls in it: (n, leaves) of the training rows and (q, leaves) of queries.

    For ``wf.knn_shapley(problem, queries, features=wf.trees.leaf_features(problem, queries))``: rows are then as near as they share leaves.
    Raises :class:`wherefrom.UsageError` where they are more than memory holds.
    """
    trees = tree_problem(problem)
    sizes = trees.structure.sizes.ravel()
    first, width = np.concatenate([[0], np.cumsum(sizes)[:-1]]), int(sizes.sum())
    if 8 * width * len(trees) > trees.budget:
        raise UsageError(f"{len(trees):,} rows and {width:,} leaves are more than memory holds; take fewer rows: problem.subset(ids).")
    asked = [trees.leaves_of(batch.inputs) for batch in trees.batches(trees.examples(queries))]
    tables = []
    for leaves in (trees.structure.leaves[trees.train.rows], np.concatenate(asked)):
        table = torch.zeros(len(leaves), width, dtype=torch.float64)
        table.scatter_(1, torch.from_numpy(leaves.reshape(len(leaves), -1) + first), 1.0)
        tables.append(table)
    return tables[0], tables[1]
