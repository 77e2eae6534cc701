"""Distances to the decision boundary: closed forms for linear classifiers, and what peers get wrong."""

import copy
import math
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.layers import layer_problem
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf

NORMS = [1.0, 1.5, 2.0, 4.0, math.inf]


def dual(norm: float) -> float:
    return math.inf if norm == 1 else 1.0 if math.isinf(norm) else norm / (norm - 1)


def closest(logits: Tensor, lengths: Any) -> Tensor:
    """min over other classes k of |f_y - f_k| / length(y, k)."""
    own = logits.argmax(1).tolist()
    rows = enumerate(zip(logits, own, strict=True))
    found = [min(float(row[y] - row[k]) / lengths(i, y, k) for k in range(len(row)) if k != y) for i, (row, y) in rows]
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("norm", NORMS)
def test_input_distance_of_a_linear_classifier_is_the_closed_form(norm: float) -> None:
    p = problem("softmax").problem
    W, logits = p.state["weight"], p.outputs(reference.whole(p).inputs)
    wanted = closest(logits, lambda _, y, k: float(torch.linalg.vector_norm(W[y] - W[k], dual(norm))))
    torch.testing.assert_close(wf.methods.sample_boundary(p, norm=norm, progress=False), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_weight_distance_of_a_linear_classifier_is_the_closed_form(norm: float) -> None:
    """Two rows move by x̃ each way, so the dual length of their change is that of (x̃, -x̃): √2 ‖x̃‖ for norm 2."""
    p = problem("softmax").problem
    X = reference.whole(p).inputs
    widened = torch.cat([X, torch.ones(len(X), 1).double()], 1)
    lengths = torch.linalg.vector_norm(torch.cat([widened, -widened], 1), dual(norm), dim=1)
    wanted = closest(p.outputs(X), lambda i, y, k: float(lengths[i]))
    torch.testing.assert_close(wf.methods.weights_boundary(p, norm=norm, progress=False), wanted, rtol=1e-9, atol=1e-12)
    if norm == 2:
        torch.testing.assert_close(lengths, 2**0.5 * widened.norm(dim=1))


def test_a_single_logit_works() -> None:
    for name in ("logistic", "hinge"):
        p = problem(name).problem
        X = reference.whole(p).inputs
        logit = p.outputs(X)[:, 0].abs()
        torch.testing.assert_close(wf.methods.sample_boundary(p, progress=False), logit / p.state["weight"].norm())
        torch.testing.assert_close(wf.methods.weights_boundary(p, progress=False), logit / (X.square().sum(1) + 1).sqrt())


@pytest.mark.parametrize("norm", [1.0, 2.0, math.inf])
@pytest.mark.parametrize("name", ["mlp", "convolution", "reused layer"])
def test_a_batch_is_its_examples_one_by_one(name: str, norm: float) -> None:
    p = problem(name).problem.subset(range(6))
    single = type(p)(**{**vars(p), "batch_size": 1})
    for distance in (wf.methods.sample_boundary, wf.methods.weights_boundary):
        torch.testing.assert_close(distance(p, norm=norm, progress=False), distance(single, norm=norm, progress=False))


def test_on_a_network_the_point_found_is_on_the_boundary_and_no_nearer_one_is_found_at_random() -> None:
    p = problem("mlp").problem
    X = reference.whole(p).inputs
    distances = wf.methods.sample_boundary(p, progress=False)
    assert torch.isfinite(distances).all()
    ways = torch.nn.functional.normalize(torch.randn(2000, 1, 4).double(), dim=2)
    moved = p.outputs((X + 0.7 * distances[:, None] * ways).flatten(0, 1)).argmax(1).view(2000, -1)
    assert (moved == p.outputs(X).argmax(1)).double().mean() > 0.99


def test_the_users_model_is_left_bit_for_bit_as_it_was_even_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double().eval()
    X = torch.randn(8, 4).double()
    p = wf.Problem.of(model, wf.cross_entropy(), (X, torch.arange(8) % 3))
    before = copy.deepcopy(model.state_dict())
    wf.methods.weights_boundary(p, progress=False)
    wf.methods.sample_boundary(p, progress=False)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    hook = model[2].register_forward_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        wf.methods.weights_boundary(p, progress=False)
    hook.remove()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None and value.requires_grad for value in model.parameters())


def test_only_the_chosen_parameters_move() -> None:
    p = problem("mlp").problem
    last = p.restricted("2.*")
    hidden = torch.tanh(reference.whole(p).inputs @ p.state["0.weight"].T + p.state["0.bias"])
    wanted = closest(p.outputs(reference.whole(p).inputs), lambda i, y, k: float((hidden[i].square().sum() + 1).sqrt() * 2**0.5))
    torch.testing.assert_close(wf.methods.weights_boundary(last, progress=False), wanted)
    assert (wf.methods.weights_boundary(p, progress=False) <= wanted + 1e-9).double().mean() > 0.9


def test_others_than_the_training_examples() -> None:
    case = problem("softmax")
    whole = wf.methods.sample_boundary(case.problem, progress=False)
    X, y = case.problem.train.source.tree  # type: ignore[attr-defined]
    torch.testing.assert_close(wf.methods.sample_boundary(case.problem, (X[5:9], y[5:9]), progress=False), whole[5:9])


def test_what_vmap_cannot_take_is_taken_one_at_a_time() -> None:
    p = layer_problem("a number read out")
    assert torch.isfinite(wf.methods.weights_boundary(p, progress=False)).all()


def test_where_nothing_moves_the_outputs_the_distance_is_endless() -> None:
    p = problem("mlp").problem
    flat = p.at({name: torch.zeros_like(value) for name, value in p.parameters.items()} | {"2.bias": torch.tensor([1.0, 0.0, 0.0]).double()})
    assert torch.isinf(wf.methods.sample_boundary(flat, progress=False)).all()
    assert torch.isfinite(wf.methods.weights_boundary(flat, progress=False)).all()
    tie = p.at({name: torch.zeros_like(value) for name, value in p.parameters.items()})
    assert wf.methods.sample_boundary(tie, progress=False).tolist() == [0.0] * 24


def test_a_model_that_mixes_the_examples_of_a_batch_is_refused() -> None:
    class Mixing(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input - input.mean(0))

    p = wf.Problem.of(Mixing(4, 3).double().eval(), wf.cross_entropy(), (torch.randn(8, 4).double(), torch.arange(8) % 3))
    for distance in (wf.methods.sample_boundary, wf.methods.weights_boundary):
        with pytest.raises(wf.UsageError, match="which other examples are in its batch"):
            distance(p)


def test_wrong_arguments_are_refused() -> None:
    p = problem("mlp").problem
    with pytest.raises(wf.UsageError, match="give 1 or more, or float"):
        wf.methods.sample_boundary(p, norm=0.5)
    with pytest.raises(wf.UsageError, match="takes no step"):
        wf.methods.weights_boundary(p, max_steps=0)
    with pytest.raises(wf.UsageError, match="one floating tensor"):
        wf.methods.sample_boundary(problem("sequence in a dictionary").problem)
    assert torch.isfinite(wf.methods.weights_boundary(problem("sequence in a dictionary").problem, progress=False)).all()
