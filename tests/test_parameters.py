"""Which parameters are chosen, and θ as one flat vector."""

import pytest
import torch
from helpers.problems import NAMES, mlp, problem

import wherefrom as wf
from wherefrom.parameters import chosen_names, flatten, unflatten


def test_patterns_choose_in_the_order_of_the_model() -> None:
    model = mlp()
    assert chosen_names(model, ["2.*", "0.bias"]) == ("0.bias", "2.weight", "2.bias")
    model[0].requires_grad_(False)
    assert chosen_names(model, None) == ("2.weight", "2.bias")
    with pytest.raises(wf.UsageError, match="No parameter matches '2.wieght'. Did you mean '2.weight'?"):
        chosen_names(model, "2.wieght")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lead", [(), (2,), (3, 2)])
def test_flat_and_back(name: str, lead: tuple[int, ...]) -> None:
    p = problem(name).problem
    flat = torch.randn(*lead, p.size, dtype=p.dtype)
    named = p.unflatten(flat)
    assert tuple(named) == p.names and all(value.shape == (*lead, *p.state[key].shape) for key, value in named.items())
    assert torch.equal(p.flatten(named), flat) and torch.equal(p.flatten(dict(reversed(named.items()))), flat)


def test_pieces_are_views_and_shapes_may_be_empty() -> None:
    shapes = {"scale": torch.Size([]), "weight": torch.Size([2, 3])}
    flat = torch.zeros(4, 7)
    pieces = unflatten(flat, shapes)
    pieces["scale"] += 1
    assert pieces["scale"].shape == (4,) and flat[:, 0].tolist() == [1.0] * 4
    assert torch.equal(flatten(pieces, shapes), flat)
