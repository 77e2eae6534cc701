"""Rankings are what they are called: dense references of some, what is infinite stands at the end, and the same seed says the same."""

import warnings

import pytest
import torch
from torch.nn.functional import cross_entropy

import wherefrom as wf
from wherefrom_studies.mislabel import rankings
from wherefrom_studies.mislabel.flips import FlippedData
from wherefrom_studies.mislabel.networks import L2, TrainedNetwork, train_network
from wherefrom_studies.mislabel.rankings import RANDOM, RANKINGS, expected_warnings, suspicions


def gradients(net: TrainedNetwork, state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Of each example's own loss, (n, d)."""
    model, rows = net.data.build(), []
    model.load_state_dict(state)
    for x, y in zip(net.data.X, net.data.y, strict=True):
        found = torch.autograd.grad(cross_entropy(model(x[None]), y[None]), list(model.parameters()))
        rows.append(torch.cat([one.reshape(-1) for one in found]))
    return torch.stack(rows)


def test_losses_and_margins_are_those_of_the_network(net: TrainedNetwork) -> None:
    outputs, y = net.problem.outputs(net.data.X), net.data.y
    torch.testing.assert_close(suspicions(net, "loss")[0].float(), cross_entropy(outputs, y, reduction="none"))
    own = outputs.gather(1, y[:, None])[:, 0]
    others = outputs.scatter(1, y[:, None], -torch.inf).amax(1)
    torch.testing.assert_close(suspicions(net, "margin")[0].float(), others - own)
    each = torch.stack([cross_entropy(net.problem.at(state).outputs(net.data.X), y, reduction="none") for state in net.states])
    torch.testing.assert_close(suspicions(net, "mean loss")[0].float(), each.mean(0))


def test_gradients_alone_rank_by_their_length(net: TrainedNetwork) -> None:
    now = gradients(net, dict(net.problem.parameters)).square().sum(1)
    torch.testing.assert_close(suspicions(net, "gradient dot")[0].float(), now, rtol=1e-4, atol=1e-6)
    traced = torch.stack([rate * gradients(net, state).square().sum(1) for rate, state in zip(net.rates, net.states, strict=True)]).sum(0)
    torch.testing.assert_close(suspicions(net, "TracIn")[0].float(), traced, rtol=1e-4, atol=1e-6)


def test_exact_self_influence_of_the_last_layer_is_its_quadratic_form(net: TrainedNetwork) -> None:
    seen = torch.cat([net.last_features()[0], torch.ones(len(net.data.y), 1)], 1).double()
    p = net.problem.outputs(net.data.X).softmax(1).double()
    errors, spread = p - torch.eye(3)[net.data.y], torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    g = torch.einsum("nc,nd->ncd", errors, seen).flatten(1)
    G = torch.einsum("nab,nc,nd->acbd", spread, seen, seen).reshape(g.shape[1], -1) / len(g)
    damping = wf.IHVP(wf.GaussNewton(), wf.Exact()).fit(net.last).damping
    expected = (g * torch.linalg.solve(G + (L2 + damping) * torch.eye(len(G)), g.T).T).sum(1) / len(g)
    torch.testing.assert_close(suspicions(net, "influence, exact, last layer")[0], expected, rtol=1e-3, atol=1e-8)


def test_every_ranking_says_something_finite_of_every_example(net: TrainedNetwork) -> None:
    for name in RANKINGS:
        values, seconds = suspicions(net, name)
        assert values.shape == (len(net.data.y),) and values.isfinite().all() and values.unique().numel() > 1 and seconds >= 0, name


def test_what_is_infinite_stands_at_its_end(net: TrainedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rankings.RANKINGS, "made up", lambda net: torch.tensor([1.0, torch.inf, -3.0, -torch.inf, 2.0]))
    assert suspicions(net, "made up")[0].tolist() == [1.0, 2.0, -3.0, -3.0, 2.0]


def test_the_same_seed_ranks_alike(data: FlippedData) -> None:
    one, two = train_network(data, 3), train_network(data, 3)
    for name in ("influence, K-FAC", RANDOM):
        assert (suspicions(one, name)[0] == suspicions(two, name)[0]).all()


def test_other_warnings_are_heard() -> None:
    with pytest.warns(UserWarning, match="heard"), expected_warnings():
        warnings.warn("unheard", wf.methods.CheckpointWarning, stacklevel=1)
        warnings.warn("heard", UserWarning, stacklevel=1)
