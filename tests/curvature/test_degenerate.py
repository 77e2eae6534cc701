"""Degenerate problems give finite scores, or one sentence that says what to do; never NaN, and never an error of torch's own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import wherefrom as wf

pytestmark = pytest.mark.filterwarnings("ignore::wherefrom.solvers.solver.SolverWarning")  # a solve that falls short says so, which is no fault here

N = 12
Data = tuple[Tensor, Tensor]
Built = tuple[nn.Module, wf.Objective, Data, Data]


def numbers(n: int = N) -> Tensor:
    """Small whole numbers, on which outputs by weights in quarters are exact in any order of summing."""
    return torch.randint(-3, 4, (n, 4)).to(torch.get_default_dtype())


def quarters(model: nn.Module, times: float = 1.0) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randint(-4, 5, parameter.shape) / 4 * times)
    return model


def classes(model: nn.Module, X: Tensor, l2: float = 0.0) -> Built:
    return model, wf.cross_entropy(l2=l2), (X, torch.arange(len(X)) % 3), (torch.randn(2, 4), torch.arange(2))


def mlp(outputs: int = 3, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), activation(), nn.Linear(5, outputs))


def constant_feature() -> Built:
    X = torch.randn(N, 4)
    X[:, 0] = 1
    return classes(nn.Linear(4, 3), X)


def duplicated_feature() -> Built:
    X = torch.randn(N, 4)
    X[:, 1] = X[:, 0]
    return nn.Linear(4, 1), wf.squared_error(), (X, torch.randn(N)), (torch.randn(2, 4), torch.randn(2))


def fitted(model: nn.Module, l2: float, missed: int = 0) -> Built:
    """Every target but the first few is the output itself."""
    X = numbers()
    y = quarters(model)(X)[:, 0].detach()
    y[:missed] += torch.arange(missed) + 1.0
    return model, wf.squared_error(l2=l2), (X, y), (numbers(2), torch.randn(2))


def saturated(times: float, wrong: bool = False, l2: float = 0.0) -> Built:
    """Logits so large that the chances of other classes leave the floating type."""
    model, X = quarters(nn.Linear(4, 3), times), numbers()
    y = model(X).argmax(1)
    y[0] = (y[0] + wrong) % 3
    return model, wf.cross_entropy(l2=l2), (X, y), (torch.randn(2, 4), torch.arange(2))


def separable(l2: float = 0.0) -> Built:
    model, X = quarters(nn.Linear(4, 1), 1e4), numbers()
    return model, wf.binary_cross_entropy(l2=l2), (X, (model(X)[:, 0] > 0).to(X)), (torch.randn(2, 4), torch.tensor([0.0, 1.0]))


def dead_relu() -> Built:
    model = mlp()
    nn.init.constant_(model[0].bias, -100.0)  # type: ignore[index]
    return classes(model, torch.randn(N, 4))


PROBLEMS: dict[str, Callable[[], Built]] = {
    "constant feature": constant_feature,
    "duplicated feature": duplicated_feature,
    "untrained network": lambda: classes(mlp(activation=nn.Tanh), torch.randn(N, 4)),
    "untrained network with l2": lambda: classes(mlp(activation=nn.Tanh), torch.randn(N, 4), 0.01),
    "an example without gradient": lambda: fitted(nn.Linear(4, 1), 0.1, missed=N - 1),
    "nothing left to fit": lambda: fitted(mlp(1), 0.0),
    "nothing left to fit, with l2": lambda: fitted(mlp(1), 0.01),
    "saturated": lambda: saturated(40.0),
    "saturated beyond numbers": lambda: saturated(1e5),
    "saturated, one wrong": lambda: saturated(40.0, wrong=True),
    "saturated, with l2": lambda: saturated(40.0, l2=1e-3),
    "separable with huge weights": separable,
    "separable with huge weights and l2": lambda: separable(1e-3),
    "inputs of 0": lambda: classes(mlp(), torch.zeros(N, 4)),
    "inputs of 0 alone": lambda: classes(nn.Linear(4, 3, bias=False), torch.zeros(N, 4)),
    "dead ReLU": dead_relu,
    "fewer examples than parameters": lambda: classes(mlp(), torch.randn(3, 4)),
    "one example": lambda: classes(mlp(), torch.randn(1, 4)),
}
# Where a curvature that is never negative has to answer: it is not 0, and no part of it is lost to rounding.
SOUND = [
    "constant feature", "duplicated feature", "untrained network", "untrained network with l2", "an example without gradient",
    "nothing left to fit, with l2", "saturated, with l2", "separable with huge weights and l2", "inputs of 0", "dead ReLU",
    "fewer examples than parameters", "one example",
]  # fmt: skip
CURVATURES: list[Any] = [
    wf.Hessian(), wf.GaussNewton(), wf.Fisher(), wf.EmpiricalFisher(), wf.Diagonal(), wf.Diagonal(wf.Hessian()), wf.KFAC(), wf.EKFAC(),
    wf.curvature.Identity(), wf.BlockDiagonal(),
]  # fmt: skip
SOLVERS: list[Any] = [wf.Exact(), wf.CG(max_iterations=50), wf.LiSSA(depth=8), wf.Arnoldi(iterations=8), wf.Eigen()]
ANSWERING = [wf.GaussNewton(), wf.Fisher(), wf.Diagonal(), wf.KFAC(), wf.EKFAC(), wf.curvature.Identity()]


def built(name: str, dtype: torch.dtype) -> tuple[wf.Problem, Data]:
    torch.manual_seed(5)
    torch.set_default_dtype(dtype)
    try:
        model, objective, train, queries = PROBLEMS[name]()
    finally:
        torch.set_default_dtype(torch.float32)
    return wf.Problem.of(model.eval(), objective, train), queries


def answer(call: Callable[[], Tensor]) -> Tensor | None:
    """Finite numbers, or None and one line that says what to do."""
    try:
        values = call()
    except wf.UsageError as error:
        said = str(error)
        assert (
            type(error) in (wf.UsageError, wf.solvers.NotPositiveDefinite)
            and said
            and "\n" not in said
            and said.endswith(".")
            and any(f" {verb} " in said for verb in FIXES)
        ), said
        return None
    assert torch.isfinite(values).all()
    return values


FIXES = ("give", "use", "raise", "take", "add")


def answers(ihvp: wf.IHVP, p: wf.Problem, queries: Data) -> list[Tensor | None]:
    """The scores of influence and of both forms of RelatIF, and the self-influence by each."""
    fitted: list[wf.solvers.FittedIHVP] = []
    if answer(lambda: (fitted.append(ihvp.fit(p)), torch.zeros(1))[1]) is None:
        return [None]
    methods = [wf.InfluenceFunction(fitted[0]), wf.RelatIF(fitted[0], "theta"), wf.RelatIF(fitted[0], "l")]
    found = [answer(lambda method=method: wf.attribute(method, p, queries, progress=False).values) for method in methods]
    return found + [answer(lambda method=method: wf.self_influence(method, p, progress=False)) for method in methods]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_pair_answers_or_says_what_to_do(name: str, dtype: torch.dtype) -> None:
    p, queries = built(name, dtype)
    for curvature in CURVATURES:
        for solver in SOLVERS:
            found = answers(wf.IHVP(curvature, solver), p, queries)
            definite = isinstance(solver, (wf.Exact, wf.CG)) or (
                isinstance(solver, wf.Eigen) and not isinstance(curvature, (wf.GaussNewton, wf.Fisher))
            )
            if name in SOUND and curvature in ANSWERING and definite:
                assert all(values is not None for values in found), (curvature, solver)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_so_does_a_damping_chosen_by_itself(name: str, dtype: torch.dtype) -> None:
    p, queries = built(name, dtype)
    for curvature, solver in [(wf.GaussNewton(), wf.Exact()), (wf.Hessian(), wf.CG(max_iterations=50)), (wf.EKFAC(), wf.Eigen())]:
        answers(wf.IHVP(curvature, solver, "auto"), p, queries)


OTHERS: list[wf.methods.Method] = [
    wf.methods.RepresenterL2(l2=1e-3), wf.methods.RepresenterL2(l2=1e-3, output=0, targets="labels"),
    wf.methods.RepresenterLJE(), wf.methods.RepresenterLJE(output=0),
    wf.methods.RenormalisedInfluence(), wf.EmbeddingSimilarity(), wf.methods.LossScores(), wf.MarginScores(), wf.methods.GradientNorm(),
]  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_representers_and_baselines_answer_or_say_what_to_do(name: str) -> None:
    p, queries = built(name, torch.float32)
    for method in OTHERS:
        answer(lambda method=method: wf.attribute(method, p, queries, progress=False).values)
        answer(lambda method=method: wf.self_influence(method, p, progress=False))
    for distance in (wf.methods.sample_boundary, wf.methods.weights_boundary):
        assert not torch.isnan(distance(p, progress=False)).any()
