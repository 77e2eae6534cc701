"""Per-example gradients equal autograd's, one example at a time."""

import pytest
import torch
from helpers import reference
from helpers.layers import layer_problem
from helpers.problems import NAMES, problem
from torch import nn

import wherefrom as wf
from wherefrom.gradients import Factored, Gradients, capture


@pytest.mark.parametrize("name", NAMES)
def test_rows_equal_autograd(name: str) -> None:
    case = problem(name)
    found = Gradients(case.problem).losses(reference.whole(case.problem)).flat()
    torch.testing.assert_close(found, reference.gradients(case.problem), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_jacobian_equals_autograd(name: str) -> None:
    case = problem(name)
    batch = reference.whole(case.problem)
    outputs, rows = Gradients(case.problem).jacobian(batch)
    picked = wf.Problem.of(
        case.problem.model, wf.Objective(lambda o, t: o.reshape(len(o), -1)[:, 0]), case.problem.train.source.tree, parameters=case.problem.names
    )
    picked = picked.at(case.problem.parameters)
    torch.testing.assert_close(rows.flat()[:: outputs.shape[1]], reference.gradients(picked), rtol=1e-10, atol=1e-12)


def test_linear_layers_keep_their_factors() -> None:
    rows = Gradients(problem("mlp").problem).losses(reference.whole(problem("mlp").problem))
    assert all(isinstance(block, Factored) for block in rows.blocks)


def test_what_no_rule_serves_goes_to_torch_func() -> None:
    assert Gradients(layer_problem("embedding bag, max")).coverage.rest == ("inner.weight",)


def test_a_weight_used_twice_in_different_ways_is_served() -> None:
    class Sly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) @ self.layer.weight

    p = wf.Problem.of(Sly().double().eval(), wf.cross_entropy(), (torch.randn(8, 3), torch.randint(3, (8,))))
    gradients = Gradients(p)
    assert gradients.coverage.kinds["layer.weight"] == ("Linear", "Linear") and not gradients.coverage.rest
    torch.testing.assert_close(gradients.losses(reference.whole(p)).flat(), reference.gradients(p))


def test_an_in_place_activation_is_no_trap() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)).double().eval()
    p = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(8, 4), torch.randint(3, (8,))))
    torch.testing.assert_close(Gradients(p).losses(reference.whole(p)).flat(), reference.gradients(p))


def test_a_model_that_ends_with_its_layer_is_a_head_and_others_are_not() -> None:
    batch = reference.whole(problem("softmax").problem)
    head = Gradients(problem("softmax").problem).head(batch)
    assert head is not None and head[0].shape == (len(batch), 5)
    assert Gradients(problem("mlp").problem).head(reference.whole(problem("mlp").problem)) is None
    changed = nn.Sequential(nn.Linear(4, 3), nn.Tanh()).double().eval()
    p = wf.Problem.of(changed, wf.cross_entropy(), (torch.randn(8, 4), torch.randint(3, (8,))))
    assert Gradients(p).head(reference.whole(p)) is None


def test_hooks_are_gone_afterwards_even_when_the_model_fails() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.fail = nn.Linear(3, 2), False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.layer(x)
            if self.fail:
                raise RuntimeError("no")
            return out

    model = Fails().eval()
    p = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(4, 3), torch.randint(2, (4,))))
    gradients = Gradients(p)
    model.fail = True
    with pytest.raises(RuntimeError, match="no"):
        gradients.losses(reference.whole(p))
    assert not model.layer._forward_hooks


@pytest.mark.parametrize("name", ["lstm"])
def test_few_queries_never_write_the_gradients_of_what_no_rule_serves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    p = layer_problem(name)
    gradients, true = Gradients(p), reference.gradients(p)
    queries = gradients.layout.rows(true[:2])
    train = gradients.losses(reference.whole(p))
    with monkeypatch.context() as patch:
        patch.setattr(capture, "looped_gradients", lambda *_: pytest.fail("the gradients were written out"))
        torch.testing.assert_close(queries.dot(train), true[:2] @ true.T)
        torch.testing.assert_close(train.dot(queries), true @ true[:2].T)
    torch.testing.assert_close(gradients.layout.rows(true).dot(train), true @ true.T)


def test_batches_are_sized_by_the_whole_forward_pass() -> None:
    convolution = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 400, 2)).eval()
    p = wf.Problem.of(convolution, wf.cross_entropy(), (torch.randn(8, 1, 20, 20), torch.randint(2, (8,))), parameters="3.bias")
    assert Gradients(p).size < 256


class Exponential(nn.Module):
    """A last layer whose weight is a function of its parameter, so that outputs are not linear in it."""

    def __init__(self) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.randn(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.log.exp())


@pytest.mark.parametrize(("model", "parameters"), [(nn.Linear(4, 3), "bias"), (Exponential(), None)], ids=["a bias alone", "a function of it"])
def test_what_is_no_whole_linear_layer_is_no_head(model: nn.Module, parameters: str | None) -> None:
    data = (torch.randn(8, 4, dtype=torch.float64), torch.arange(8) % 3)
    p = wf.Problem.of(model.double().eval(), wf.cross_entropy(), data, parameters=parameters)
    gradients = Gradients(p)
    assert gradients.head(reference.whole(p)) is None
    torch.testing.assert_close(wf.Hessian().fit(p).dense(), reference.hessian(p))
    torch.testing.assert_close(gradients.losses(reference.whole(p)).flat(), reference.gradients(p))
