"""∇ₓ∇θ loss against directions in θ: how a training example's gradient follows its input (Koh & Liang 2017, section 2.2)."""

import torch
from torch import Tensor

from wherefrom.curvature.differences import AWAY, first_unlike, moved
from wherefrom.curvature.double_backward import Kernels, differentiable_twice
from wherefrom.curvature.products import FEW, Route, directions, pull_back
from wherefrom.data.batches import Batch
from wherefrom.data.trees import leaves, tree_map
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.types import Tree

STEP = 1e-6  # of differences, in float64
NOISE = 1e-6  # of what products are differences of, that is rounding
TOGETHER = 32  # directions pulled back through one graph at a time


def real_input(inputs: Tree) -> Tensor:
    """The one floating-point tensor among a model's inputs. Raises :class:`UsageError` where there is none, or more than one."""
    found = [leaf for leaf in leaves(inputs) if leaf.is_floating_point()]
    if not found:
        kinds = ", ".join(sorted({str(leaf.dtype) for leaf in leaves(inputs)}))
        raise UsageError(f"The inputs ({kinds}) have no small changes; give the model embeddings or other real numbers in their place.")
    if len(found) > 1:
        raise UsageError(f"The inputs hold {len(found)} tensors of real numbers; give all but the one to be changed as whole numbers or booleans.")
    return found[0]


def with_real_input(inputs: Tree, values: Tensor) -> Tree:
    """The same inputs with other values of that tensor."""
    return tree_map(lambda leaf: values if leaf.is_floating_point() else leaf, inputs)


def mixed_products(problem: Problem, batch: Batch, tangents: list[Tensor], kernels: Kernels) -> Tensor:
    """∂/∂xᵢ (vᵀ∇θ lossᵢ) for each v (k, *shape of each parameter) and example: (k, B, *input).

    An example's loss knows no other example's input, so one pass back through the gradient of the batch's sum serves them all.
    """
    with differentiable_twice(kernels):
        parts = zip(*(part.split(TOGETHER) for part in tangents), strict=True)
        return torch.cat([_products(problem, batch, list(part))[0] for part in parts])


def mixed_kernels(problem: Problem) -> Kernels:
    """The kernels with which these are what the gradient changes by. Raises :class:`UsageError` where torch has no such derivatives."""
    batch = next(problem.batches(size=FEW))
    real_input(batch.inputs)
    route, reasons = Route(_products, _unlike_differences), []
    for kernels in Kernels:
        wrong = route.fault(problem, batch, kernels)
        if not wrong:
            return kernels
        reasons.append(wrong)
    raise UsageError(f"torch cannot differentiate this model's gradient by its inputs ({reasons[0]}); leave the layer out through parameters=.")


def _products(problem: Problem, batch: Batch, tangents: list[Tensor]) -> list[Tensor]:
    x = real_input(batch.inputs).detach().clone().requires_grad_()
    return pull_back(_gradient(problem, batch, x), [x], tangents)


def _gradient(problem: Problem, batch: Batch, x: Tensor) -> tuple[Tensor, ...]:
    """Σᵢ ∇θ lossᵢ as a function of the inputs."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    total = problem.losses(problem.outputs(with_real_input(batch.inputs, x), parameters), batch).sum()
    return torch.autograd.grad(total, list(parameters.values()), create_graph=True, materialize_grads=True)


def _unlike_differences(problem: Problem, batch: Batch) -> str:
    """uᵀ∇ₓ(vᵀ∇θ loss) must be what vᵀ∇θ loss changes by along u: backward passes that torch takes as constant give too little, in silence."""
    v = directions(problem, 1)
    problem, x = moved(problem, v, AWAY), real_input(batch.inputs).detach()
    u = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(x)

    def along(step: float) -> Tensor:
        return torch.stack([(part * way[0]).sum() for part, way in zip(_gradient(problem, batch, x + step * u), v, strict=True)]).detach()

    product, least = (_products(problem, batch, v)[0] * u).sum(), NOISE * float(along(0.0).abs().sum())
    wrong = first_unlike([product], lambda step: [along(step).sum()], STEP, least)
    return "" if wrong is None else "a backward pass in it has no derivative"
