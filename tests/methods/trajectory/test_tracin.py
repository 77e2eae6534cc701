"""TracIn against its formula written out, its completeness, and the ways that checkpoints can be wrong."""

import copy
import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.methods.trajectory.checkpoint_states import CheckpointWarning

pytestmark = pytest.mark.filterwarnings("ignore:.*no better than shuffled ones")  # most checkpoints here are random
NAMES = ["softmax", "mlp", "convolution", "tied weight", "sequence in a dictionary", "bare parameter"]
RATES = [0.1, 0.05, 0.01]


def states(p: wf.Problem, count: int = 3) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [{k: v + 0.3 * torch.randn(v.shape, generator=generator, dtype=v.dtype) for k, v in p.state.items()} for _ in range(count)]


def written_out(p: wf.Problem, queries: Any, found: list[dict[str, Tensor]], rates: list[float]) -> Tensor:
    parts = [(p.at(state), rate) for state, rate in zip(found, rates, strict=True)]
    return sum(rate * reference.gradients(at, queries) @ reference.gradients(at).T for at, rate in parts)  # type: ignore[return-value]


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_the_formula(name: str) -> None:
    case = problem(name)
    found = states(case.problem)
    scores = wf.attribute(wf.TracIn(found, RATES), case.problem, case.queries)
    torch.testing.assert_close(scores.values, written_out(case.problem, case.queries, found, RATES), rtol=1e-9, atol=1e-11)
    assert scores.unit == "arbitrary" and "3 checkpoints" in scores.method


def test_self_influence_is_the_diagonal() -> None:
    case = problem("mlp")
    method = wf.TracIn(states(case.problem), RATES)
    table = wf.attribute(method, case.problem, case.problem.train).values
    torch.testing.assert_close(wf.self_influence(method, case.problem), table.diagonal())


def test_cosine_is_bounded_and_its_own_score_is_the_sum_of_rates() -> None:
    case = problem("mlp")
    method = wf.TracIn(states(case.problem), RATES, normalise="cosine")
    assert wf.attribute(method, case.problem, case.queries).values.abs().max() <= sum(RATES)
    torch.testing.assert_close(wf.self_influence(method, case.problem), torch.full((len(case.problem),), sum(RATES), dtype=torch.float64))


def test_each_checkpoint_counts_alike_when_normalised() -> None:
    case = problem("mlp")
    (one, two), p = states(case.problem, 2), case.problem
    both = wf.attribute(wf.TracIn([one, two], 1.0, normalise="checkpoint"), p, case.queries).values
    parts = []
    for state in (one, two):
        rows = reference.gradients(p.at(state), case.queries)
        parts.append(rows @ reference.gradients(p.at(state)).T / rows.square().sum(1).mean())
    torch.testing.assert_close(both, sum(parts))


def test_last_layer_alone() -> None:
    case = problem("mlp")
    found = states(case.problem)
    fast = wf.attribute(wf.TracIn(found, RATES, parameters="2.*"), case.problem, case.queries).values
    restricted = case.problem.restricted("2.*")
    torch.testing.assert_close(fast, written_out(restricted, case.queries, found, RATES))


def test_a_learning_rate_counts_once() -> None:
    """captum 0.9's intermediate quantities carry it squared, a tenth too small at 0.1."""
    case = problem("mlp")
    found = states(case.problem)
    tables = [wf.attribute(wf.TracIn(found, rate), case.problem, case.queries).values for rate in (1.0, 0.1)]
    torch.testing.assert_close(tables[1], 0.1 * tables[0])
    own = [wf.self_influence(wf.TracIn(found, rate), case.problem) for rate in (1.0, 0.1)]
    torch.testing.assert_close(own[1], 0.1 * own[0])


def test_the_last_layers_bias_is_not_left_out() -> None:
    """captum 0.9's TracInCPFast leaves it out: 4 % of the length on a toy."""
    case = problem("mlp")
    found = states(case.problem)
    whole, weight, bias = (
        wf.attribute(wf.TracIn(found, RATES, parameters=names), case.problem, case.queries).values for names in ("2.*", "2.weight", "2.bias")
    )
    torch.testing.assert_close(whole, weight + bias)
    assert float(bias.norm()) > 0.01 * float(whole.norm())


def test_checkpoints_are_loaded_and_queries_taken_once_however_many_batches(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """captum 0.9 loads two checkpoints 20 times for 10 batches and takes the queries anew for each, as Influenciae and dattri do."""

    class Counted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.seen = nn.Linear(4, 3).double(), 0

        def forward(self, x: Tensor) -> Tensor:
            self.seen += len(x)
            return self.layer(x)

    case, model, loads = problem("softmax"), Counted().eval(), []
    X, y = case.problem.train.source.tree  # type: ignore[attr-defined]
    paths = [tmp_path / f"{number}.pt" for number in range(2)]
    for path in paths:
        torch.save({name: torch.rand_like(value) for name, value in model.state_dict().items()}, path)
    load = wf.checkpoints.Checkpoint.load
    monkeypatch.setattr(wf.checkpoints.Checkpoint, "load", lambda path: loads.append(path) or load(path))
    counts = []
    for size in (2, 24):
        before, loads[:] = model.seen, []
        wf.attribute(wf.TracIn(paths, 0.1), wf.Problem.of(model, case.problem.objective, (X, y), batch_size=size), case.queries)
        counts.append(model.seen - before)
        assert loads == paths
    assert counts[0] == counts[1]


def test_paths_recorders_and_states_give_the_same(tmp_path: Any) -> None:
    case = problem("mlp")
    found = states(case.problem)
    plain = wf.attribute(wf.TracIn(found, 0.1), case.problem, case.queries).values
    paths = []
    for number, state in enumerate(found):
        paths.append(tmp_path / f"{number}.pt")
        torch.save(state, paths[-1])
    torch.testing.assert_close(wf.attribute(wf.TracIn(paths, 0.1), case.problem, case.queries).values, plain)
    model = copy.deepcopy(case.problem.model)
    recorder = wf.CheckpointRecorder(model)
    for state in found:
        model.load_state_dict(state)
        recorder.record(0.1)
    torch.testing.assert_close(wf.attribute(wf.TracIn(recorder), case.problem, case.queries).values, plain)


def test_batch_size_and_streaming_make_no_difference() -> None:
    case = problem("mlp")
    method = wf.TracIn(states(case.problem), RATES)
    whole = wf.attribute(method, case.problem, case.queries)
    small = replace(case.problem, batch_size=5)
    torch.testing.assert_close(wf.attribute(method, small, case.queries).values, whole.values)
    best = wf.attribute(method, small, case.queries, top=4)
    assert (best.ids == whole.top(4).ids).all()
    assert best.opponents is not None and whole.top(4).opponents is not None


def descended(step: float, steps: int, momentum: float = 0.0) -> tuple[wf.Problem, Any, wf.CheckpointRecorder]:
    """Full-batch gradient descent of a small network, recorded before each step, in float64."""
    generator = torch.Generator().manual_seed(5)
    X, y = torch.randn(40, 4, generator=generator, dtype=torch.float64), torch.arange(40) % 3
    X[range(40), y] += 1.0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=step, momentum=momentum)
    recorder = wf.CheckpointRecorder(model, optimizer)
    for _ in range(steps):
        recorder.record()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X[:30]), y[:30]).backward()
        optimizer.step()
    return wf.Problem.of(model.eval(), wf.cross_entropy(), (X[:30], y[:30])), (X[30:], y[30:]), recorder


def incompleteness(step: float, steps: int) -> float:
    """How far the sum of all training examples' scores is from the fall of the queries' losses, relatively."""
    p, queries, recorder = descended(step, steps)
    shares = wf.attribute(wf.TracIn(recorder), p, queries).values.sum(1) / len(p)
    first = p.at(recorder.checkpoints[0].state)
    fall = (first.losses(first.outputs(queries[0]), _batch(p, queries)) - p.losses(p.outputs(queries[0]), _batch(p, queries))).detach()
    return float((shares - fall).abs().sum() / fall.abs().sum())


def _batch(p: wf.Problem, queries: Any) -> Any:
    return next(p.batches(p.examples(queries), size=100))


def test_completeness_the_shares_sum_to_the_fall_of_the_loss() -> None:
    far, near, nearer = incompleteness(0.02, 100), incompleteness(0.01, 200), incompleteness(0.005, 400)
    assert near < 0.02
    assert near / far == pytest.approx(0.5, abs=0.1) and nearer / near == pytest.approx(0.5, abs=0.1)


def test_the_recorded_update_of_plain_descent_is_the_learning_rate() -> None:
    p, queries, recorder = descended(0.05, 3)
    plain = wf.attribute(wf.TracIn(recorder), p, queries).values
    torch.testing.assert_close(wf.attribute(wf.TracIn(recorder, update="recorded"), p, queries).values, plain, rtol=1e-6, atol=1e-9)


def test_momentum_makes_the_recorded_update_longer() -> None:
    p, queries, recorder = descended(0.05, 3, momentum=0.9)
    plain = wf.attribute(wf.TracIn(recorder), p, queries).values
    torch.testing.assert_close(wf.attribute(wf.TracIn(recorder, update="recorded"), p, queries).values, 10 * plain, rtol=1e-5, atol=1e-9)


def test_identical_checkpoints_are_named() -> None:
    case = problem("mlp")
    with pytest.warns(CheckpointWarning, match="'checkpoint 0' and 'checkpoint 1' hold the same weights"):
        wf.attribute(wf.TracIn([case.problem.state] * 2), case.problem, case.queries)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"checkpoints": [{"0.weight": torch.zeros(5, 4)}]}, "has no parameter '0.bias'"),
        ({"checkpoints": [{"0.weight": torch.zeros(9, 4)}]}, "parameter"),
        ({"checkpoints": []}, "at least one"),
        ({"learning_rates": [0.1]}, "1 learning rate"),
        ({"parameters": "nothing.*"}, "No parameter matches 'nothing"),
        ({"update": "recorded"}, "no recorded update"),
        ({"update": "adam"}, "unknown"),
        ({"normalise": "length"}, "unknown"),
    ],
)
def test_bad_input_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match=said):
        wf.attribute(wf.TracIn(**{"checkpoints": states(case.problem), **settings}), case.problem, case.queries)


def test_shapes_that_do_not_fit_are_named() -> None:
    case = problem("mlp")
    wrong = {**case.problem.state, "2.bias": torch.zeros(4)}
    with pytest.raises(wf.UsageError, match=r"parameter '2.bias' is \(4,\), in the model \(3,\)"):
        wf.attribute(wf.TracIn([wrong]), case.problem, case.queries)


def test_untrained_checkpoints_are_named_and_trained_ones_are_not() -> None:
    torch.manual_seed(1)
    X = torch.randn(300, 5)
    model = nn.Linear(5, 3).eval()
    states = [{name: 0.01 * value.clone() for name, value in model.state_dict().items()}]
    p = wf.Problem.of(model, wf.cross_entropy(), (X, X[:, :3].argmax(1)))
    trained = {"weight": 3 * torch.eye(3, 5), "bias": torch.zeros(3)}
    with pytest.warns(CheckpointWarning, match="Checkpoint 'checkpoint 0' predicts the training targets no better than shuffled") as said:
        wf.TracIn([*states, trained]).fit(p)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wf.TracIn([trained]).fit(p)
        wf.TracIn(states).fit(wf.Problem.of(model, wf.cross_entropy(), (X, torch.zeros(300, dtype=torch.long))))  # one class tells nothing
