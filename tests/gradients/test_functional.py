"""torch.func for what has no rule."""

import pytest
import torch
from helpers import reference
from helpers.layers import Times, layer_problem
from helpers.problems import problem
from torch import nn

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.gradients.functional import Unmappable, forward_products, looped_gradients, mapped_gradients, outputs_each, total_gradient


def test_mapped_gradients_equal_autograd() -> None:
    p = problem("bare parameter").problem
    batch = reference.whole(p)
    found = mapped_gradients(p, p.names, batch, p.objective.loss)
    flat = torch.cat([found[name].reshape(len(batch), -1) for name in p.names], 1)
    torch.testing.assert_close(flat, reference.gradients(p))


def test_total_gradient_is_the_weighted_sum() -> None:
    p = problem("convolution").problem
    weights = torch.rand(len(p), dtype=p.dtype)
    found = total_gradient(p, reference.whole(p), p.objective.loss, weights)
    flat = torch.cat([found[name].reshape(-1) for name in p.names])
    torch.testing.assert_close(flat, weights @ reference.gradients(p))


def test_what_cannot_be_mapped_is_taken_one_example_at_a_time() -> None:
    p = layer_problem("a number read out")
    batch = reference.whole(p)
    with pytest.raises(Unmappable):
        mapped_gradients(p, p.names, batch, p.objective.loss)
    found = looped_gradients(p, p.names, batch, p.objective.loss)
    torch.testing.assert_close(found["inner.scale"], reference.gradients(p))


def test_what_neither_can_do_is_refused_by_name() -> None:
    class Crowd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) < 2:
                raise RuntimeError("too few")
            return Times.apply(x, self.scale)

    p = wf.Problem.of(Crowd().eval(), wf.cross_entropy(), (torch.randn(4, 2), torch.tensor([0, 1, 0, 1])))
    with pytest.raises(wf.UsageError, match="no rule for scale.*too few.*leave them out through parameters="):
        wf.attribute(wf.GradientDot(), p, p.train)


@pytest.mark.parametrize("name", ["lstm", "gru, batch second", "rnn", "a number read out"])
def test_forward_products_are_those_with_the_written_gradients(name: str) -> None:
    p = layer_problem(name)
    batch = reference.whole(p)
    directions = {key: torch.randn(3, *value.shape, dtype=p.dtype) for key, value in p.parameters.items()}
    flat = torch.cat([directions[key].reshape(3, -1) for key in p.names], 1)
    torch.testing.assert_close(forward_products(p, directions, batch, p.objective.loss), flat @ reference.gradients(p).T)


@pytest.mark.parametrize("p", [problem("mlp").problem, layer_problem("a number read out")], ids=["mapped", "one at a time"])
def test_outputs_of_each_example_at_parameters_of_its_own(p: wf.Problem) -> None:
    batch = reference.whole(p)
    own = {name: value + 0.1 * torch.randn(len(batch), *value.shape, dtype=value.dtype) for name, value in p.parameters.items()}
    found = outputs_each(p, own, batch)
    for row, one in enumerate(batch.parts(1)):
        torch.testing.assert_close(found[row], p.outputs(one.inputs, {name: value[row] for name, value in own.items()})[0])


def test_a_model_that_spoils_its_own_gradient_is_refused() -> None:
    class Spoils(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = torch.exp(self.head(x))
            result = out * 2
            out += 1
            return result

    problem = wf.Problem.of(Spoils().eval(), wf.cross_entropy(), (torch.randn(8, 4), torch.arange(8) % 3))
    with pytest.raises(wf.UsageError, match="writes in place.*use_cache = False"):
        Gradients(problem)
