"""Situations in which rules were once wrong in silence: each is found, and its rows are autograd's."""

from typing import Any

import pytest
import torch
from helpers import reference
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.gradients.operations import RULES, affine
from wherefrom.gradients.proofs import OFTEN

N, H = 24, 4


def data(n: int = N) -> tuple[Tensor, Tensor]:
    X = torch.randn(n, H, generator=torch.Generator().manual_seed(0)).double()
    X[:, 0] = -1 - X[:, 0].abs()
    return X, torch.arange(n) % 3


def rows_of(problem: wf.Problem, size: int | None = None) -> Tensor:
    gradients = Gradients(problem)
    return torch.cat([gradients.losses(batch).flat() for batch in problem.batches(size=size or gradients.size)])


def check(model: nn.Module, X: Tensor, y: Tensor, size: int | None = None, **settings: Any) -> wf.Problem:
    problem = wf.Problem.of(model.double().eval(), wf.cross_entropy(), (X, y), **settings)
    torch.testing.assert_close(rows_of(problem, size), reference.gradients(problem), rtol=1e-9, atol=1e-12)
    return problem


def test_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(call: Any) -> Any:
        result = affine.take_linear(call)
        call.recorder.uses[-1].inputs = 2 * call.recorder.uses[-1].inputs
        return result

    monkeypatch.setitem(RULES, "linear", twice)
    problem = check(nn.Sequential(nn.Linear(H, 5), nn.Tanh(), nn.Linear(5, 3)), *data())
    assert Gradients(problem).coverage.rest == ("0.weight", "2.weight")


class Routed(nn.Module):
    """Rows whose first entry is positive go through a part of the model of their own."""

    def __init__(self, hidden: bool = False) -> None:
        super().__init__()
        self.common, self.rare, self.hidden = nn.Linear(H, 3), nn.Linear(H, 3), hidden

    def forward(self, x: Tensor) -> Tensor:
        out = self.common(x)
        chosen = x[:, 0] > 0
        if bool(chosen.any()):
            part = Product.apply(x[chosen], self.rare.weight) if self.hidden else self.rare(x[chosen])
            out = out.index_add(0, chosen.nonzero()[:, 0], torch.tanh(part))
        return out


class Product(torch.autograd.Function):
    """A product that no torch function shows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient.T @ x


class Distances(Routed):
    """The rare part is an operation that no rule understands, before the common one."""

    def forward(self, x: Tensor) -> Tensor:
        if bool((x[:, 0] > 0).any()):
            x = x + torch.cdist(x[:, None], self.rare.weight[None].expand(len(x), -1, -1)).mean(2) * (x[:, :1] > 0)
        return self.common(x)


@pytest.mark.parametrize("size", [None, 6, 1])
def test_a_later_operation_that_no_rule_understands(size: int | None) -> None:
    X, y = data()
    X[[17, 22], 0] = 1.0
    check(Distances(), X, y, size)


@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "unseen"])
@pytest.mark.parametrize("size", [None, 6, 1])
def test_a_branch_that_the_first_rows_do_not_take(size: int | None, hidden: bool) -> None:
    X, y = data()
    X[[17, 22], 0] = 1.0
    check(Routed(hidden), X, y, size)


def test_a_first_batch_of_one_proves_nothing_about_several() -> None:
    X, y = data()
    model = Routed().double().eval()
    batches = [(X[:1], y[:1]), (X[1:9], y[1:9]), (X[9:], y[9:])]
    problem = wf.Problem.of(model, wf.cross_entropy(), batches)
    torch.testing.assert_close(rows_of(problem), reference.gradients(wf.Problem.of(model, wf.cross_entropy(), (X, y))))

    def mixing(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs - outputs.mean(0), targets, reduction="none")

    with pytest.raises(wf.UsageError, match="which other examples are in its batch"):
        rows_of(wf.Problem.of(model, wf.Objective(mixing), batches))


def test_a_batch_that_mixes_where_the_loss_hides_it() -> None:
    """At zero the term that mixes examples gives nothing; at moved parameters it does."""

    class Mixes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.gate = nn.Linear(H, 3), nn.Parameter(torch.zeros(3))

        def forward(self, x: Tensor) -> Tensor:
            out = self.head(x)
            return out + self.gate * out.mean(0)

    problem = wf.Problem.of(Mixes().double().eval(), wf.cross_entropy(), data())
    with pytest.raises(wf.UsageError, match="which other examples are in its batch"):
        rows_of(problem)


def test_adapters_and_heads_that_are_zero() -> None:
    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base, self.down, self.up = nn.Linear(H, 3), nn.Linear(H, 2, bias=False), nn.Linear(2, 3, bias=False)
            nn.init.zeros_(self.up.weight)

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x) + Product.apply(self.down(x), self.up.weight)

    problem = check(Adapted(), *data())
    assert "up.weight" in Gradients(problem).coverage.rest


def test_later_checkpoints_are_as_right() -> None:
    X, y = data()
    X[[3, 17], 0] = 1.0
    problem = check(Routed(), X, y)
    coverage = Gradients(problem).coverage
    later = problem.at({name: value + 1 for name, value in problem.parameters.items()})
    gradients = Gradients(later, coverage)
    found = torch.cat([gradients.losses(batch).flat() for batch in later.batches(size=5)])
    torch.testing.assert_close(found, reference.gradients(later))


def test_gradients_far_smaller_than_others() -> None:
    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.big, self.small = nn.Linear(H, 3), nn.Parameter(torch.randn(H, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.big(x) + 1e-6 * Product.apply(x, self.small.T)

    problem = check(Small(), *data())
    assert Gradients(problem).coverage.rest == ("small",)


def test_what_fails_later_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data()
    X[12:, 0] = 1.0
    problem = wf.Problem.of(Routed(hidden=True).double().eval(), wf.cross_entropy(), (X, y))
    gradients, runs = Gradients(problem), []
    whole = wf.Problem.outputs
    monkeypatch.setattr(wf.Problem, "outputs", lambda *given: runs.append(1) or whole(*given))  # type: ignore[func-returns-value]
    counts = []
    for batch in problem.batches(size=6):
        gradients.losses(batch)
        counts.append(len(runs))
        runs.clear()
    assert counts == [1, 1, 7, 7]  # a pass, and one for each example of the parameter that is not seen


def test_rules_that_turn_wrong_are_found() -> None:
    """Rows past the thousandth are brought together in a way that no function shows to depend on the data."""

    class Turns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(H, 3)

        def forward(self, x: Tensor) -> Tensor:
            out = self.head(x)
            return out if float(x[0, 1]) < 5 else out.flip(0).flip(0) * 1 + 0 * out + (out.roll(1, 0) - out) * 0.5

    X, y = data(4 * OFTEN)
    X[OFTEN:, 1] = 9.0
    problem = wf.Problem.of(Turns().double().eval(), wf.cross_entropy(), (X, y))
    with pytest.raises(wf.UsageError, match="were right on the first examples and are wrong on some of"):
        rows_of(problem, size=100)
