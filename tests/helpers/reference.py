"""Dense references by plain autograd, one example at a time, written apart from the library."""

from typing import Any

import torch
from torch import Tensor

import wherefrom as wf
from wherefrom.data.batches import Batch
from wherefrom.data.trees import tree_map


def single(problem: wf.Problem, batch: Batch, theta: Tensor, row: int, *, measurement: bool = False) -> Tensor:
    """The loss (or measurement) of one example of a batch at a flat θ."""
    shapes = [value.shape for value in problem.parameters.values()]
    parts = theta.split([shape.numel() for shape in shapes])
    named = {name: part.view(shape) for name, part, shape in zip(problem.names, parts, shapes, strict=True)}
    pick = lambda leaf: leaf[row : row + 1]  # noqa: E731
    outputs = problem.outputs(tree_map(pick, batch.inputs), named)
    function = problem.objective.measurement if measurement and problem.objective.measurement else problem.objective.loss
    return function(outputs, pick(batch.targets))[0]


def theta_of(problem: wf.Problem) -> Tensor:
    return torch.cat([value.reshape(-1) for value in problem.parameters.values()]).clone()


def whole(problem: wf.Problem, examples: Any = None) -> Batch:
    asked = None if examples is None else problem.examples(examples)
    return next(iter(problem.batches(asked, size=10_000)))


def gradients(problem: wf.Problem, examples: Any = None, *, measurement: bool = False) -> Tensor:
    """(n, d) per-example gradients."""
    batch, rows = whole(problem, examples), []
    for row in range(len(batch)):
        theta = theta_of(problem).requires_grad_()
        rows.append(torch.autograd.grad(single(problem, batch, theta, row, measurement=measurement), theta)[0])
    return torch.stack(rows)


def risk(problem: wf.Problem, theta: Tensor) -> Tensor:
    """R(θ)."""
    batch = whole(problem)
    losses = torch.stack([single(problem, batch, theta, row) for row in range(len(batch))])
    return (losses * batch.weights).sum() / problem.normaliser + (problem.l2 * theta.square()).sum() / 2


def hessian(problem: wf.Problem) -> Tensor:
    return torch.autograd.functional.hessian(lambda theta: risk(problem, theta), theta_of(problem))  # type: ignore[return-value]


def hessian_by_differences(problem: wf.Problem, step: float = 1e-5) -> Tensor:
    """The same to about eight digits from first derivatives alone: torch's second ones are missing or wrong in places."""

    def slope(theta: Tensor) -> Tensor:
        theta = theta.clone().requires_grad_()
        return torch.autograd.grad(risk(problem, theta), theta)[0]

    theta = theta_of(problem)
    return torch.stack([(slope(theta + step * axis) - slope(theta - step * axis)) / (2 * step) for axis in torch.eye(len(theta), dtype=theta.dtype)])


def gauss_newton(problem: wf.Problem) -> Tensor:
    """(1/N) Σ wᵢ JᵢᵀSᵢJᵢ + diag(l2)."""
    batch = whole(problem)
    shapes = [value.shape for value in problem.parameters.values()]
    total = torch.diag(problem.l2.clone())

    def outputs(theta: Tensor, row: int) -> Tensor:
        parts = theta.split([shape.numel() for shape in shapes])
        named = {name: part.view(shape) for name, part, shape in zip(problem.names, parts, shapes, strict=True)}
        return problem.outputs(tree_map(lambda leaf: leaf[row : row + 1], batch.inputs), named)

    for row in range(len(batch)):
        theta, target = theta_of(problem), batch.targets[row : row + 1]
        J = torch.autograd.functional.jacobian(lambda t, row=row: outputs(t, row), theta).reshape(-1, len(theta))
        out = outputs(theta, row).detach()
        S = torch.autograd.functional.hessian(lambda o, t=target: problem.objective.loss(o, t)[0], out).reshape(J.shape[0], J.shape[0])
        total += batch.weights[row] * J.T @ S @ J / problem.normaliser
    return total


def influence(problem: wf.Problem, queries: Any, matrix: Tensor) -> Tensor:
    """(q, n): (1/N) wᵢ ∇m_qᵀ C⁻¹ gᵢ."""
    solved = torch.linalg.solve(matrix, gradients(problem, queries, measurement=True).T)
    return problem.objective.sign * solved.T @ (gradients(problem) * problem.weights[:, None]).T / problem.normaliser
