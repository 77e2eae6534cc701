"""Weights at checkpoints: names, prefixes and twins; what repeats or is untrained is in test_tracin.py and test_trak.py."""

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.checkpoints import as_checkpoints
from wherefrom.methods.trajectory.checkpoint_states import states_at

pytestmark = pytest.mark.filterwarnings("ignore:.*no better than shuffled ones")


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model."])
def test_a_wrapped_models_prefix_is_taken_off(prefix: str) -> None:
    p = problem("mlp").problem
    (found,) = states_at(p, as_checkpoints([{prefix + name: 2 * value for name, value in p.state.items()}]))
    assert all(torch.equal(found[name], 2 * value) for name, value in p.state.items())


def test_a_tied_weight_may_come_under_either_name() -> None:
    p = problem("tied weight").problem
    state = dict(p.state)
    state["second.weight"] = state.pop("first.weight")
    (found,) = states_at(p, as_checkpoints([state]))
    assert torch.equal(found["first.weight"], state["second.weight"])


def test_untrained_weights_are_named_whatever_form_the_data_have() -> None:
    """Batches are read one by one, and all of the examples that are probed are wanted together."""
    torch.manual_seed(1)
    X = torch.randn(60, 5)
    model = torch.nn.Linear(5, 3).eval()
    items = torch.utils.data.TensorDataset(X, X[:, :3].argmax(1))
    state = {name: 0.01 * value.clone() for name, value in model.state_dict().items()}
    for data in (items, torch.utils.data.DataLoader(items, batch_size=7)):
        with pytest.warns(wf.methods.CheckpointWarning, match="no better than shuffled"):
            states_at(wf.Problem.of(model, wf.cross_entropy(), data), as_checkpoints([state]))
    ragged = [(torch.randn(20, 3, 5), torch.randint(3, (20, 3))), (torch.randn(20, 2, 5), torch.randint(3, (20, 2)))]
    states_at(wf.Problem.of(model, wf.cross_entropy(), ragged), as_checkpoints([state]))  # nothing to exchange targets with, and nothing said


def test_what_is_missing_or_not_finite_is_named() -> None:
    p = problem("mlp").problem
    with pytest.raises(wf.UsageError, match="has no parameter '2.bias'"):
        states_at(p, as_checkpoints([{name: value for name, value in p.state.items() if name != "2.bias"}]))
    with pytest.raises(wf.UsageError, match="'0.bias' is not finite"):
        states_at(p, as_checkpoints([{**p.state, "0.bias": p.state["0.bias"] / 0}]))
