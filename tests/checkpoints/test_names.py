"""A checkpoint's names in a model's: prefixes on either side, tied weights, what is ambiguous or missing."""

import pytest
import torch
from torch import nn

import wherefrom as wf
from wherefrom.checkpoints.names import named_for


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "model._orig_mod.", "net.", "student.encoder."])
def test_prefixes_of_wrappers_are_taken_off(prefix: str) -> None:
    one = model()
    found = named_for(one, {"other.weight": torch.ones(1)} | {prefix + name: value for name, value in one.state_dict().items()})
    assert found.keys() == one.state_dict().keys() and all(torch.equal(found[name], value) for name, value in one.state_dict().items())


def test_a_module_around_the_model_that_was_saved() -> None:
    one = model()
    found = named_for(nn.ModuleDict({"net": one}), one.state_dict())
    assert set(found) == {f"net.{name}" for name in one.state_dict()}


def test_a_compiled_part() -> None:
    one = model()
    state = {name.replace("2.", "2._orig_mod."): value for name, value in one.state_dict().items()}
    assert set(named_for(one, state)) == set(one.state_dict())


def test_two_copies_are_not_guessed_between() -> None:
    one = model()
    state = {prefix + name: value for prefix in ("model.", "ema.") for name, value in one.state_dict().items()}
    with pytest.raises(wf.UsageError, match=r"under 'ema.' and under 'model.'; give the entries of one"):
        named_for(one, state)


def test_what_is_missing_stays_missing() -> None:
    one = model()
    state = one.state_dict()
    del state["2.bias"]
    assert set(named_for(one, state)) == set(state)
