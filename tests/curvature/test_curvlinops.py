"""Curvatures equal those of curvlinops (Dangel et al. 2025), an implementation of its own, and its operators serve as ours."""

import copy
import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.curvature.draws import drawn_targets

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)  # linear_operator's, on import
    missing = "the oracle is missing: pip install --no-deps -c constraints.txt curvlinops-for-pytorch"
    curvlinops: Any = pytest.importorskip("curvlinops", reason=missing)

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # curvlinops', of torch.func

BATCH = 7  # of curvlinops; it must not matter
LOSSES = {"cross_entropy": nn.CrossEntropyLoss, "binary_cross_entropy": nn.BCEWithLogitsLoss, "squared_error": nn.MSELoss}
NAMED = ["softmax", "logistic", "ridge", "mlp", "mlp, last layer", "mlp, weights alone", "convolution"]
MADE = ["mlp, many bits", "mlp, many numbers", "convolution over positions"]


class ClassesSecond(nn.Module):
    """A model whose classes come last, in torch's order."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x).movedim(-1, 1)


def made(name: str) -> wf.Problem:
    """What the named problems lack: several outputs without a softmax, and a convolution that sees many positions."""
    if name not in (*MADE, "tokens"):
        return problem(name).problem
    torch.manual_seed(3)
    X = torch.randn(20, 4).double()
    mlp = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval()
    if name == "mlp, many bits":
        return wf.Problem.of(mlp, wf.binary_cross_entropy(l2=0.01), (X, torch.randint(0, 2, (20, 3)).double()))
    if name == "mlp, many numbers":
        return wf.Problem.of(mlp, wf.squared_error(l2=0.01), (X, torch.randn(20, 3).double()))
    if name == "tokens":
        model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval()
        return wf.Problem.of(model, wf.cross_entropy(l2=0.01), (torch.randn(20, 6, 4).double(), torch.randint(0, 3, (20, 6))))
    layers = nn.Conv2d(2, 3, 2, stride=2, padding=1), nn.Tanh(), nn.Conv2d(3, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    model = nn.Sequential(*layers).double().eval()
    return wf.Problem.of(model, wf.cross_entropy(l2=0.01), (torch.randn(20, 2, 4, 4).double(), torch.randint(0, 3, (20,))))


def asked(p: wf.Problem, reduction: str = "sum", targets: Tensor | None = None) -> tuple[Any, ...]:
    """(model, loss, parameters, batches) as curvlinops takes them, at the problem's parameters and in its order."""
    model = copy.deepcopy(p.model)
    model.load_state_dict(p.state)
    batch = reference.whole(p)
    kind = p.objective.describe().partition(",")[0]
    targets = batch.targets if targets is None else targets
    if kind != "cross_entropy":
        targets = targets.to(p.dtype).reshape(len(p), -1)
    parameters = dict(model.named_parameters())
    for name, value in parameters.items():
        value.requires_grad_(name in p.names)
    batches = list(zip(batch.inputs.split(BATCH), targets.split(BATCH), strict=True))
    model = ClassesSecond(model) if kind == "cross_entropy" else model
    return model, LOSSES[kind](reduction=reduction), [parameters[name] for name in p.names], batches


def dense(p: wf.Problem, operator: Any, targets: Tensor | None = None, **settings: Any) -> Tensor:
    """Its matrix as ours: the mean over examples of summed losses, and the penalty."""
    matrix = operator(*asked(p, targets=targets), check_deterministic=False, **settings) @ torch.eye(p.size, dtype=p.dtype)
    return matrix / len(p) + torch.diag(p.l2)


def drawn(p: wf.Problem) -> Tensor:
    """The targets that our curvatures draw with seed 0."""
    batch = reference.whole(p)
    return drawn_targets(p, p.outputs(batch.inputs).detach(), batch, 0, 0)


def close(found: Tensor, true: Tensor) -> None:
    torch.testing.assert_close(found, true, rtol=1e-8, atol=1e-10)


FULL = {"Hessian": curvlinops.HessianLinearOperator, "GaussNewton": curvlinops.GGNLinearOperator, "EmpiricalFisher": curvlinops.EFLinearOperator}
KRONECKER = {"KFAC": curvlinops.KFACLinearOperator, "EKFAC": curvlinops.EKFACLinearOperator}
TABLE = [(kind, name) for kind in KRONECKER for name in NAMED + MADE] + [("KFAC", "tokens")]  # its EK-FAC takes no positions of the outputs


@pytest.mark.parametrize("name", NAMED + MADE)
@pytest.mark.parametrize("kind", FULL)
def test_full_matrices(name: str, kind: str) -> None:
    p = made(name)
    close(getattr(wf, kind)().fit(p).dense(), dense(p, FULL[kind]))


@pytest.mark.parametrize("name", NAMED + MADE)
def test_the_fisher_is_its_empirical_fisher_of_drawn_targets(name: str) -> None:
    p = made(name)
    close(wf.Fisher().fit(p).dense(), dense(p, curvlinops.EFLinearOperator, drawn(p)))


@pytest.mark.parametrize(("kind", "name"), TABLE)
def test_kronecker_matrices_summed_over_outputs(kind: str, name: str) -> None:
    p = made(name)
    close(getattr(wf, kind)(samples=None).fit(p).dense(), dense(p, KRONECKER[kind], fisher_type="type-2", separate_weight_and_bias=False))


@pytest.mark.parametrize(("kind", "name"), TABLE)
def test_kronecker_matrices_at_drawn_targets(kind: str, name: str) -> None:
    p = made(name)
    close(getattr(wf, kind)().fit(p).dense(), dense(p, KRONECKER[kind], drawn(p), fisher_type="empirical", separate_weight_and_bias=False))


@pytest.mark.parametrize("name", ["softmax", "mlp", "ridge"])
@pytest.mark.parametrize("solver", [wf.Exact(), wf.CG()], ids=repr)
def test_its_operator_in_an_ihvp_gives_the_influence_of_ours(name: str, solver: Any) -> None:
    p = replace(made(name), objective=replace(made(name).objective, l2=0.0))
    operator = curvlinops.GGNLinearOperator(*asked(p, "mean"), check_deterministic=False)
    theirs, ours = (
        wf.attribute(wf.InfluenceFunction(wf.IHVP(curvature, solver, damping=0.05)), p, problem(name).queries, progress=False).values
        for curvature in (operator, wf.GaussNewton())
    )
    torch.testing.assert_close(theirs, ours, rtol=1e-7, atol=1e-9)


def test_its_k_fac_in_an_ihvp_gives_the_influence_of_ours() -> None:
    p = replace(made("mlp"), objective=wf.cross_entropy())
    operator = curvlinops.KFACLinearOperator(*asked(p, "mean"), check_deterministic=False, fisher_type="type-2", separate_weight_and_bias=False)
    theirs, ours = (
        wf.attribute(wf.InfluenceFunction(wf.IHVP(curvature, wf.CG(), damping=0.05)), p, problem("mlp").queries, progress=False).values
        for curvature in (operator, wf.KFAC(samples=None))
    )
    torch.testing.assert_close(theirs, ours, rtol=1e-7, atol=1e-9)
