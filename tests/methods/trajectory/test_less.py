"""LESS against its formula in plain autograd, and what it asks of checkpoints."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn
from torch.nn.functional import normalize

import wherefrom as wf
from wherefrom.checkpoints import Checkpoint, SavedOptimizer
from wherefrom.gradients import Gradients, Projection

pytestmark = pytest.mark.filterwarnings("ignore:.*no better than shuffled ones")


def trained(case: Any, steps: int = 3) -> list[Checkpoint]:
    """Checkpoints of Adam along gradients drawn at random, with its state."""
    named = {name: nn.Parameter(value.clone()) for name, value in case.problem.model.named_parameters()}
    optimizer, generator, found = torch.optim.Adam(named.values(), lr=0.02), torch.Generator().manual_seed(0), list[Checkpoint]()
    for _ in range(steps):
        for value in named.values():
            value.grad = 0.1 * torch.randn(value.shape, generator=generator, dtype=value.dtype)
        optimizer.step()
        state = {name: value.detach().clone() for name, value in named.items()}
        plain = optimizer.state_dict()
        moments = {number: {key: value.clone() for key, value in kept.items()} for number, kept in plain["state"].items()}
        found.append(Checkpoint(state, 0.02 / (1 + len(found)), optimizer=SavedOptimizer(tuple(plain["param_groups"]), moments)))
    return found


def flat(p: wf.Problem, checkpoint: Checkpoint, key: str) -> Tensor:
    assert checkpoint.optimizer is not None
    names = [name for name, _ in p.model.named_parameters()]
    return torch.cat([checkpoint.optimizer.moments[names.index(name)][key].flatten() for name in p.names])


def written_out(p: wf.Problem, queries: Any, checkpoints: list[Checkpoint], maps: list[Tensor]) -> Tensor:
    found = torch.zeros(3, len(p), dtype=torch.float64)
    for count, (checkpoint, P) in enumerate(zip(checkpoints, maps, strict=True)):
        at = p.at(checkpoint.state)
        g, asked = reference.gradients(at), p.objective.sign * reference.gradients(at, queries, measurement=True)
        m = 0.9 * flat(p, checkpoint, "exp_avg") + 0.1 * g
        v = 0.999 * flat(p, checkpoint, "exp_avg_sq") + 0.001 * g**2
        steps = count + 2
        step = m / (1 - 0.9**steps) / ((v / (1 - 0.999**steps)).sqrt() + 1e-8)
        found += float(checkpoint.learning_rate or 0) * normalize(asked @ P.T) @ normalize(step @ P.T).T
    return found


@pytest.mark.parametrize("name", ["softmax", "mlp", "mlp, last layer", "bare parameter", "sequence in a dictionary", "convolution"])
def test_it_is_the_formula_written_out(name: str) -> None:
    case = problem(name)
    checkpoints = trained(case)
    found = wf.attribute(wf.methods.LESS(checkpoints), case.problem, case.queries)
    eye = torch.eye(case.problem.size, dtype=torch.float64)
    torch.testing.assert_close(found.values, written_out(case.problem, case.queries, checkpoints, [eye] * 3), rtol=1e-8, atol=1e-11)
    assert found.unit == "arbitrary"


def test_projections_are_drawn_anew_at_each_checkpoint() -> None:
    case = problem("mlp")
    p, checkpoints = case.problem, trained(case)
    layout = Gradients(p).layout
    eye = layout.rows(torch.eye(p.size, dtype=torch.float64))
    maps = [Projection(12, seed=4).of(layout, draw=place)(eye).flat().T for place in range(3)]
    found = wf.attribute(wf.methods.LESS(checkpoints, dimension=12, seed=4), p, case.queries).values
    torch.testing.assert_close(found, written_out(p, case.queries, checkpoints, maps), rtol=1e-8, atol=1e-11)


def test_scales_stand_for_steps_where_asked() -> None:
    case = problem("mlp")
    p, checkpoints = case.problem, trained(case)
    scaled = [Checkpoint(one.state, one.learning_rate, one.scales_of(p.model)) for one in checkpoints]
    wanted = torch.zeros(3, len(p), dtype=torch.float64)
    for one in scaled:
        at = p.at(one.state)
        scale = p.flatten({name: one.scales[name] for name in p.names})  # type: ignore[index]
        g, asked = reference.gradients(at), reference.gradients(at, case.queries)
        wanted += float(one.learning_rate or 0) * normalize(asked) @ normalize(g * scale).T
    torch.testing.assert_close(wf.attribute(wf.methods.LESS(scaled, update="scaled"), p, case.queries).values, wanted)
    with pytest.raises(wf.UsageError, match=r"holds no moments of Adam for '0.weight'; .* or update='scaled' where they hold scales"):
        wf.attribute(wf.methods.LESS(scaled), p, case.queries)


def test_rates_given_count_in_place_of_the_checkpoints_own() -> None:
    case = problem("mlp")
    checkpoints = trained(case)
    each = [wf.attribute(wf.methods.LESS([one], 1.0), case.problem, case.queries).values for one in checkpoints]
    found = wf.attribute(wf.methods.LESS(checkpoints, [3.0, 2.0, 1.0]), case.problem, case.queries).values
    torch.testing.assert_close(found, 3 * each[0] + 2 * each[1] + each[2])


def test_a_checkpoint_that_adds_nothing_is_named() -> None:
    case = problem("mlp")
    checkpoints = trained(case)
    rates = [0.0, *(1.0 for _ in checkpoints[1:])]
    with pytest.warns(wf.methods.CheckpointWarning, match="has learning rate 0 and adds nothing"):
        found = wf.attribute(wf.methods.LESS(checkpoints, rates), case.problem, case.queries)
    assert any("has learning rate 0" in note for note in found.notes)


def test_a_plan_counts_a_pass_for_each_checkpoint() -> None:
    case = problem("mlp")
    assert wf.plan(wf.methods.LESS(trained(case)), case.problem, case.queries).passes == 3


def test_bad_settings_are_one_sentence(tmp_path: Path) -> None:
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match="give 'adam' or 'scaled'"):
        wf.methods.LESS([], update="sgd")  # type: ignore[arg-type]
    with pytest.raises(wf.UsageError, match="keeps nothing"):
        wf.methods.LESS([], dimension=0)
    with pytest.raises(wf.UsageError, match="holds no moments of Adam"):
        wf.attribute(wf.methods.LESS([case.problem.state]), case.problem, case.queries)
    assert repr(wf.methods.LESS(trained(case), parameters="2.*")) == "LESS(3 checkpoints, dimension=8192, parameters='2.*', seed=0)"
