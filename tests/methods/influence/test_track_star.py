"""TrackStar against its formula in dense matrices, and what it asks of a checkpoint."""

from typing import Any

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor
from torch.nn.functional import normalize

import wherefrom as wf
from wherefrom.checkpoints import Checkpoint, SavedOptimizer
from wherefrom.gradients import Gradients, Projection

WHOLE = wf.LayerProjection(100)
NAMES = ["softmax", "ridge with weights", "mlp", "mlp, weights alone", "bare parameter", "sequence in a dictionary", "convolution"]


def places_of(p: wf.Problem) -> list[Tensor]:
    """The places in θ of each layer's parameters."""
    starts = dict(zip(p.names, torch.tensor([0, *(value.numel() for value in p.parameters.values())]).cumsum(0).tolist(), strict=False))
    blocks = Gradients(p).layout.blocks
    return [torch.cat([starts[name] + torch.arange(p.state[name].numel()) for name in shape.names]) for shape in blocks]


def written_out(p: wf.Problem, queries: Any, V: Tensor, maps: list[Tensor], damping: float | None = None, mixing: float = 0.0) -> Tensor:
    """The cosines, with a map (k, d) of θ for each matrix; the evaluation is the queries."""
    g, asked = reference.gradients(p), p.objective.sign * reference.gradients(p, queries, measurement=True)
    scale = torch.where(V > 0, 1 / V.sqrt(), 0.0)
    left, right = [], []
    for P in maps:
        few, few_asked = g * scale @ P.T, asked * scale @ P.T
        R = (1 - mixing) * few.T @ (p.weights[:, None] * few) / p.weights.sum() + mixing * few_asked.T @ few_asked / len(asked)
        R += (0.1 * R.trace() / len(R) if damping is None else damping) * torch.eye(len(R), dtype=torch.float64)
        values, vectors = torch.linalg.eigh(R)
        root = vectors @ (values**-0.5).diag() @ vectors.T
        left.append(few_asked @ root)
        right.append(few @ root)
    return normalize(torch.cat(left, 1)) @ normalize(torch.cat(right, 1)).T


def by_layers(p: wf.Problem) -> list[Tensor]:
    eye = torch.eye(p.size, dtype=torch.float64)
    return [eye[at] for at in places_of(p)]


def mean_squares(p: wf.Problem) -> Tensor:
    return p.weights @ reference.gradients(p).square() / p.weights.sum()


@pytest.mark.parametrize("damping", [None, 0.05])
@pytest.mark.parametrize("name", NAMES)
def test_with_nothing_projected_away_it_is_the_formula(name: str, damping: float | None) -> None:
    case = problem(name)
    found = wf.attribute(wf.methods.TrackStar(projection=WHOLE, damping=damping), case.problem, case.queries)
    wanted = written_out(case.problem, case.queries, mean_squares(case.problem), by_layers(case.problem), damping)
    torch.testing.assert_close(found.values, wanted, rtol=1e-7, atol=1e-9)
    assert found.unit == "arbitrary" and float(found.values.abs().max()) <= 1 + 1e-9


@pytest.mark.parametrize("mixing", [0.3, 1.0])
def test_second_moments_of_queries_are_mixed_in(mixing: float) -> None:
    case = problem("mlp")
    layout = Gradients(case.problem).layout
    P = Projection(12).of(layout)(layout.rows(torch.eye(case.problem.size, dtype=torch.float64))).flat().T
    method = wf.methods.TrackStar(projection=Projection(12), mixing=mixing, evaluation=case.queries)
    wanted = written_out(case.problem, case.queries, mean_squares(case.problem), [P], mixing=mixing)
    torch.testing.assert_close(wf.attribute(method, case.problem, case.queries).values, wanted, rtol=1e-7, atol=1e-9)


def test_moments_and_weights_are_a_checkpoints() -> None:
    case = problem("mlp")
    p = case.problem
    named = dict(p.model.named_parameters())
    moments = {k: {"step": 5, "exp_avg": torch.zeros_like(v), "exp_avg_sq": 0.01 * torch.rand_like(v)} for k, v in enumerate(named.values())}
    moments[0]["exp_avg_sq"][0, 0] = 0.0  # no gradient has reached this entry
    group = {"params": list(moments), "lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False}
    state = {name: 1.5 * value for name, value in p.state.items()}
    checkpoint = Checkpoint(state, optimizer=SavedOptimizer((group,), moments))
    V = torch.cat([kept["exp_avg_sq"].flatten() for kept in moments.values()])
    found = wf.attribute(wf.methods.TrackStar(checkpoint, WHOLE), p, case.queries).values
    torch.testing.assert_close(found, written_out(p.at(state), case.queries, V, by_layers(p)), rtol=1e-7, atol=1e-9)


def test_lengths_play_no_part() -> None:
    """Every example is its own nearest."""
    case = problem("mlp")
    torch.testing.assert_close(wf.self_influence(wf.methods.TrackStar(), case.problem), torch.ones(24, dtype=torch.float64))


def test_bad_input_is_one_sentence() -> None:
    case = problem("mlp")
    for settings in ({"mixing": 0.5}, {"evaluation": case.queries}, {"mixing": 1.5, "evaluation": case.queries}):
        with pytest.raises(wf.UsageError, match="give both, or neither"):
            wf.methods.TrackStar(**settings)
    with pytest.raises(wf.UsageError, match="is no damping"):
        wf.methods.TrackStar(damping=-1.0)
    with pytest.raises(wf.UsageError, match=r"holds no moments of Adam for '0.weight'; .* leave out checkpoint="):
        wf.attribute(wf.methods.TrackStar(case.problem.state), case.problem, case.queries)
    with pytest.raises(wf.UsageError, match="leave out damping= or give a larger one"):
        wf.attribute(wf.methods.TrackStar(projection=WHOLE, damping=0.0), case.problem, case.queries)
    assert "ensor" not in repr(wf.methods.TrackStar(mixing=0.5, evaluation=case.queries))


def test_a_plan_tells_of_the_passes() -> None:
    case = problem("mlp")
    assert "2 more passes over the training data, and 2 matrices of up to 25² entries" in str(
        wf.plan(wf.methods.TrackStar(), case.problem, case.queries)
    )
