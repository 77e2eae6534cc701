"""Cook's distance (Cook 1977): how far leaving one row out of a linear regression moves all its fitted values."""

import torch
from torch import Tensor

from wherefrom.curvature import GaussNewton
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients
from wherefrom.methods.influence.leverage import Leverage
from wherefrom.problem import Problem
from wherefrom.solvers import IHVP, Exact


def cooks_distance(problem: Problem) -> Tensor:
    """Dᵢ = Σⱼ (ŷⱼ - ŷⱼ without i)² / (d s²), s² = Σⱼ (yⱼ - ŷⱼ)² / (n - d), for each training row (n,).

    The special case of leverage-corrected influence in which the query is every fitted value at once; exact, because one
    Newton step solves a linear regression. Needs squared error, one output, and more rows than parameters.
    """
    gradients = Gradients(problem)
    residuals, rows = [], []
    for batch in problem.batches():
        head = gradients.head(batch)
        if head is None or head[1].shape[1] != 1 or not problem.objective.describe().startswith("squared_error"):
            raise UsageError("Cook's distance is for linear regression; give a linear model of one output with squared_error().")
        residuals.append(problem.losses(problem.outputs(batch.inputs), batch).detach())
        rows.append(gradients.jacobian(batch)[1].flat())
    n, jacobian = len(problem), torch.cat(rows)
    if n <= problem.size:
        raise UsageError(f"Cook's distance needs more rows than parameters; there are {n} rows and {problem.size} parameters.")
    fitted = Leverage.of(problem, gradients, IHVP(GaussNewton(), Exact(), damping=0.0).fit(problem))
    change = torch.cat([fitted.parameter_change(batch) for batch in problem.batches(size=fitted.size)])
    variance = torch.cat(residuals).sum() / (n - problem.size)
    return (jacobian @ change.T).square().sum(0) / (problem.size * variance)
