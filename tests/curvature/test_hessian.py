"""The Hessian equals autograd's dense one."""

from typing import Any

import pytest
import torch
from helpers import reference
from helpers.layers import layer_problem
from helpers.problems import NAMES, problem
from torch import Tensor, nn

import wherefrom as wf


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_dense_reference(name: str) -> None:
    p = problem(name).problem
    operator, true = wf.Hessian().fit(p), reference.hessian(p)
    torch.testing.assert_close(operator.dense(), true, rtol=1e-9, atol=1e-11)
    vectors = torch.randn(p.size, 40, dtype=p.dtype)
    torch.testing.assert_close(operator @ vectors, true @ vectors, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(operator @ vectors[:, 0], true @ vectors[:, 0], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["embedding bag, mean", "embedding bag, weighted sum", "lstm", "self-attention", "weight norm"])
def test_layers_whose_second_derivatives_torch_lacks_or_gets_wrong(name: str) -> None:
    p = layer_problem(name)
    found, true = wf.Hessian().fit(p).dense(), reference.hessian_by_differences(p)
    torch.testing.assert_close(found, true, rtol=1e-6, atol=1e-8 * float(true.abs().max()) + 1e-9)


def test_weight_norm_is_right_where_there_is_no_room_to_prove_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherefrom.curvature.products.COPY", 2**60)
    p = layer_problem("weight norm")
    torch.testing.assert_close(wf.Hessian().fit(p).dense(), reference.hessian_by_differences(p), rtol=1e-6, atol=1e-8)


def test_units_that_stand_where_relu_turns_over_are_no_fault() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double().eval()
    nn.init.zeros_(model[0].bias)
    p = wf.Problem.of(model, wf.cross_entropy(), (torch.zeros(6, 4), torch.arange(6) % 3))
    torch.testing.assert_close(wf.Hessian().fit(p).dense(), reference.hessian(p), rtol=1e-9, atol=1e-11)


def test_whole_number_inputs_do_not_make_the_curvature_whole() -> None:
    """Influenciae 0.3.0 adds the Hessian up in the inputs' type: token ids and images of bytes cut it down to 0."""
    tokens, y = torch.randint(0, 5, (12, 3)), torch.arange(12) % 3
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 3)).double().eval()
    p = wf.Problem.of(model, wf.cross_entropy(), (tokens, y))
    found = wf.Hessian().fit(p).dense()
    torch.testing.assert_close(found, reference.hessian(p), rtol=1e-9, atol=1e-11)
    assert 0 < float(found.diagonal().max()) < 1


class Frozen(torch.autograd.Function):
    """x² with a backward pass that takes the slope as constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * ctx.saved_tensors[0].detach() * grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_second_derivatives_that_are_not_those_of_the_gradient_are_refused(dtype: torch.dtype) -> None:
    class Squared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.tanh(Frozen.apply(self.first(x))))  # type: ignore[arg-type]

    p = wf.Problem.of(Squared().to(dtype).eval(), wf.cross_entropy(), (torch.randn(8, 4), torch.arange(8) % 2))
    with pytest.raises(wf.UsageError, match=r"at first.weight are not those of the gradient\); use EKFAC\(\) or GaussNewton\(\)"):
        wf.Hessian().fit(p)
    assert wf.GaussNewton().fit(p).dense().isfinite().all()


def test_examples_fitted_to_the_last_digits_are_no_reason_to_refuse() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 50), torch.nn.Tanh(), torch.nn.Linear(50, 3)).double().eval()
    with torch.no_grad():
        model[2].bias.copy_(torch.tensor([17.0, 0.0, 0.0]))  # losses of 1e-7, whose gradient's differences are mostly rounding
    problem = wf.Problem.of(model, wf.cross_entropy(l2=0.005), (torch.randn(6, 4).double(), torch.zeros(6, dtype=torch.long)))
    assert float(wf.Hessian().fit(problem).dense().diagonal().min()) > 0.004
