"""The bootstrap of a last layer against refits to the minimum."""

import pytest
import torch
from helpers.problems import Sequence

import wherefrom as wf
from wherefrom.uncertainty.last_layer_bootstrap import HeadBootstrap
from wherefrom.uncertainty.noise import drawn_weights


def problem_of(kind: str) -> wf.Problem:
    random = torch.Generator().manual_seed(0)
    X = torch.randn(300, 4, generator=random, dtype=torch.float64)
    outputs, objective = {
        "linear": (1, wf.squared_error(l2={"weight": 0.1, "bias": 0.05})), "logistic": (1, wf.binary_cross_entropy(l2=0.1)),
        "softmax": (3, wf.cross_entropy(l2={"weight": 0.1, "bias": 0.05})),
    }[kind]  # fmt: skip
    y = X[:, 0] + torch.randn(300, generator=random, dtype=torch.float64)
    y = y if kind == "linear" else (y > 0).double() if kind == "logistic" else (y * 2).round().clamp(-1, 1).long() + 1
    problem = wf.Problem.of(torch.nn.Linear(4, outputs, dtype=torch.float64).eval(), objective, (X, y))
    return problem.at(wf.train.newton()(problem, 0).parameters)


def flat(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([parameters[name].reshape(-1) for name in ("weight", "bias")])


@pytest.mark.parametrize("kind", ["linear", "logistic", "softmax"])
def test_a_step_is_nearly_the_refit(kind: str) -> None:
    problem = problem_of(kind)
    head = HeadBootstrap.of(problem)
    gaps = []
    for number in range(5):
        weights = drawn_weights(problem, 0, number)
        there = flat(dict(wf.train.newton()(problem.reweighted(weights), 0).parameters))
        gaps.append(float((flat(head.parameters(weights)) - there).norm() / (there - flat(problem.parameters)).norm()))
    assert max(gaps) < (1e-6 if kind == "linear" else 0.25)
    assert torch.equal(flat(head.parameters(problem.weights)), flat(problem.parameters))


def test_draws_lie_about_the_present_weights_wherever_those_are() -> None:
    problem = problem_of("softmax")
    problem = problem.at({name: value + 1 for name, value in problem.parameters.items()})
    head = HeadBootstrap.of(problem)
    draws = torch.stack([flat(head.parameters(drawn_weights(problem, 0, number))) for number in range(400)])
    away = (draws.mean(0) - flat(problem.parameters)) / draws.std(0)
    assert float(away.abs().max()) < 0.25


def test_a_network_moves_in_its_last_layer_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).eval()
    problem = wf.Problem.of(network, wf.cross_entropy(), (torch.randn(30, 4), torch.arange(30) % 3), weights=torch.rand(30) * (torch.arange(30) > 2))
    found = HeadBootstrap.of(problem).parameters(drawn_weights(problem, 0, 0))
    assert set(found) == {"2.weight", "2.bias"} and not torch.equal(found["2.bias"], problem.state["2.bias"])
    assert {value.dtype for value in found.values()} == {torch.float32}


def test_a_model_without_a_last_layer_is_refused() -> None:
    class Halved(Sequence):
        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return super().forward(tokens, mask) / 2

    data = {"tokens": torch.randn(6, 3, 4), "mask": torch.ones(6, 3), "labels": torch.arange(6) % 3}
    with pytest.raises(wf.UsageError, match="does not end in one linear layer"):
        HeadBootstrap.of(wf.Problem.of(Halved().eval(), wf.cross_entropy(), data))
