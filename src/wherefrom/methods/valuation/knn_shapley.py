"""KNN-Shapley (Jia et al. 2019): the exact Shapley values of a nearest-neighbour classifier's training examples, from one sort per query."""

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.examples import Examples, Queries
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining.utility import classes_of
from wherefrom.scores import Scores

MOST = 256  # queries sorted at a time
HELD = 64  # bytes per query and training example meanwhile


def knn_shapley(
    problem: Problem, queries: Queries, k: int = 5, *, features: tuple[Tensor, Tensor] | None = None, aggregate: bool = False, progress: bool = True
) -> Scores:
    """The Shapley value of each training example for each query in the game v(S) = (1/k) Σ_{j ≤ min(k, |S|)} [yⱼ = y_q], j by distance from q.

    v is the chance that the k nearest of S give the query's class, a missing neighbour giving none; v(∅) = 0. With the training examples
    sorted from the nearest and m_j = [yⱼ = y_q], s_j = Σ_{i ≥ j} (m_i - m_{i+1}) / max(k, i) and m_{n+1} = 0, which is the paper's
    recursion from the farthest, s_n = m_n / max(k, n), for k > n too. O(n log n) for each query; the model is not asked.

    Distances are Euclidean, of inputs flattened, or of ``features``: (n, f) of the training examples and (q, f) of the queries in the order
    of the data, such as a layer's outputs; equal distances rank in the order of the data. ``aggregate=True`` gives one row "all queries",
    the mean, which is the value of each example for the accuracy on the queries. Positive = proponent; a row sums to the query's v of all.
    The unit is "arbitrary" beside the model's own measurement. Raises :class:`UsageError` for targets that are no classes, inputs that are
    not one tensor of floats, example weights, and features that do not fit.
    """
    asked = problem.examples(queries)
    if k < 1:
        raise UsageError(f"k={k} is no number of neighbours; give 1 or more.")
    if bool((problem.weights != problem.weights[0]).any()):
        raise UsageError("Nearest neighbours count alike, and these examples have weights; give a problem without weights.")
    own, wanted = classes_of(problem), classes_of(problem, asked)
    x, y = _features(problem, asked, features)
    share = 1 / torch.arange(1, len(problem) + 1, dtype=torch.float64, device=x.device).clamp_min(k)
    size = max(1, min(MOST, problem.budget // (HELD * len(problem))))
    rows: list[Tensor] = []
    total = torch.zeros(len(problem), dtype=torch.float64, device=x.device)
    for start in track(range(0, len(asked), size), "sorting neighbours", None, progress):
        part = slice(start, start + size)
        order = _nearest(y[part], x)
        match = (own[order] == wanted[part, None]).double()
        falls = -match.diff(dim=1, append=match.new_zeros(len(match), 1))  # m_i - m_{i+1}
        values = torch.empty_like(match).scatter_(1, order, (falls * share).flip(1).cumsum(1).flip(1))
        if aggregate:
            total += values.sum(0)
        else:
            rows.append(values.cpu())
    names = np.array(["all queries"]) if aggregate else asked.ids
    table = (total / len(asked)).cpu()[None] if aggregate else torch.cat(rows)
    where = "inputs" if features is None else "features"
    return Scores(table, names, problem.ids, "arbitrary", f"knn_shapley(k={k}, {where})", problem.fingerprint())


def _features(problem: Problem, asked: Examples, given: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """What distances are taken of: (n, f) and (q, f), float64."""
    if given is None:
        return _inputs(problem, None), _inputs(problem, asked)
    x, y = (torch.as_tensor(part).detach().to(problem.device, torch.float64) for part in given)
    n, q = len(problem), len(asked)
    if x.dim() != 2 or y.dim() != 2 or len(x) != n or len(y) != q or x.shape[1] != y.shape[1]:
        raise UsageError(f"Features of shapes {tuple(x.shape)} and {tuple(y.shape)} do not fit; give ({n}, f) and ({q}, f), f alike.")
    if not all_finite(x) or not all_finite(y):
        raise UsageError("Some features are not finite; give finite numbers.")
    return x, y


def _inputs(problem: Problem, examples: Examples | None) -> Tensor:
    found = []
    for batch in problem.batches(examples):
        if not isinstance(batch.inputs, Tensor) or not batch.inputs.is_floating_point():
            raise UsageError("Distances need inputs that are one tensor of floats; give features=, such as a layer's outputs.")
        found.append(batch.inputs.detach().double().reshape(len(batch), -1))
    return torch.cat(found)


def _nearest(y: Tensor, x: Tensor) -> Tensor:
    """Places of the training examples from the nearest to each query (b, n), equal distances in the order of the data.

    ‖x‖² - 2 x·y needs one matrix product, but rounds equal distances apart as the blocks of the product fall. Where two come within
    what rounding may do, the query's row is sorted by differences instead, which are the same whatever stands beside them.
    """
    lengths = x.norm(dim=1)
    ordered, order = torch.addmm(lengths.square(), y, x.T, alpha=-2).sort(dim=1, stable=True)
    error = 2 * (x.shape[1] + 4) * torch.finfo(x.dtype).eps * (y.norm(dim=1) + lengths.max()).square()
    close = (ordered.diff(dim=1) <= error[:, None]).any(1)
    if bool(close.any()):
        exact = torch.cdist(y[close], x, compute_mode="donot_use_mm_for_euclid_dist")
        order[close] = exact.argsort(dim=1, stable=True)
    return order
