"""DataInf against its formula in dense matrices, layer by layer."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients

NAMES = [
    "softmax", "ridge with weights", "ridge, l2 on the weight alone", "mlp", "mlp, weights alone", "reused layer", "tied weight", "bare parameter",
    "convolution", "sequence in a dictionary",
]  # fmt: skip


def layers(p: wf.Problem) -> list[Tensor]:
    """The places in θ of each layer's parameters."""
    starts = dict(zip(p.names, torch.tensor([0, *(value.numel() for value in p.parameters.values())]).cumsum(0).tolist(), strict=False))
    blocks = Gradients(p).layout.blocks
    return [torch.cat([starts[name] + torch.arange(p.state[name].numel()) for name in shape.names]) for shape in blocks]


def written_out(p: wf.Problem, queries: Any, damping: float | None) -> Tensor:
    """(1/N) wᵢ Σ_l vᵀ [Σⱼ (wⱼ/Σw) (ρ gⱼgⱼᵀ + diag(l2) + damping)⁻¹] gᵢ."""
    g, asked, found = reference.gradients(p), reference.gradients(p, queries, measurement=True), torch.zeros(3, len(p), dtype=torch.float64)
    for at in layers(p):
        part, penalty = g[:, at], p.l2[at].diag()
        mean = (p.weights @ part.square().sum(1) / p.normaliser + penalty.trace()) / len(at)
        D = penalty + (0.1 * mean if damping is None else damping) * torch.eye(len(at), dtype=torch.float64)
        share = p.weights.sum() / p.normaliser
        inverse = sum(w * torch.linalg.inv(share * torch.outer(row, row) + D) for w, row in zip(p.weights, part, strict=True)) / p.weights.sum()
        found += asked[:, at] @ inverse @ part.T
    return p.objective.sign * found * p.weights / p.normaliser


@pytest.mark.parametrize("damping", [None, 0.03])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_mean_of_the_inverses(name: str, damping: float | None) -> None:
    case = problem(name)
    found = wf.attribute(wf.methods.DataInf(damping), case.problem, case.queries)
    torch.testing.assert_close(found.values, written_out(case.problem, case.queries, damping), rtol=1e-8, atol=1e-11)
    assert found.unit == "loss change"


def test_weights_of_0_to_3_count() -> None:
    case = problem("mlp")
    weighed = replace(case.problem, weights=torch.arange(24).double() % 4, normaliser=float((torch.arange(24) % 4).sum()))
    found = wf.attribute(wf.methods.DataInf(), weighed, case.queries).values
    torch.testing.assert_close(found, written_out(weighed, case.queries, None), rtol=1e-8, atol=1e-11)


def test_what_is_left_out_leaves_n() -> None:
    case = problem("mlp")
    fewer = case.problem.without([1, 5, 20])
    found = wf.attribute(wf.methods.DataInf(), fewer, case.queries).values
    torch.testing.assert_close(found, written_out(fewer, case.queries, None), rtol=1e-8, atol=1e-11)


def test_one_example_alone_is_influence_by_its_own_layers() -> None:
    """The mean of one inverse is the inverse of the mean."""
    case = problem("mlp")
    batch = reference.whole(case.problem)
    one = wf.Problem.of(case.problem.model, wf.cross_entropy(l2=0.01), (batch.inputs[:1], batch.targets[:1]))
    exact = wf.InfluenceFunction(wf.IHVP(wf.BlockDiagonal(wf.EmpiricalFisher()), wf.Exact(), damping=0.02))
    found = wf.attribute(wf.methods.DataInf(0.02), one, case.queries).values
    torch.testing.assert_close(found, wf.attribute(exact, one, case.queries).values)


def test_much_damping_brings_it_to_influence() -> None:
    case = problem("mlp")
    gaps = []
    for damping in (0.1, 100.0):
        exact = wf.InfluenceFunction(wf.IHVP(wf.BlockDiagonal(wf.EmpiricalFisher()), wf.Exact(), damping=damping))
        wanted = wf.attribute(exact, case.problem, case.queries).values
        gaps.append(float((wf.attribute(wf.methods.DataInf(damping), case.problem, case.queries).values - wanted).norm() / wanted.norm()))
    assert gaps[1] < 1e-3 < gaps[0]


def test_layers_without_gradients_and_bad_dampings() -> None:
    X, y = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 2
    flat = wf.Problem.of(nn.Linear(4, 2, bias=False).double().eval(), wf.cross_entropy(), (0 * X, y))
    with pytest.raises(wf.UsageError, match="no damping follows from it"):
        wf.attribute(wf.methods.DataInf(), flat, (X, y))
    with pytest.raises(wf.UsageError, match="a layer that has no l2 has no inverse; leave out damping="):
        wf.attribute(wf.methods.DataInf(0.0), flat, (X, y))
    with pytest.raises(wf.UsageError, match="is no damping"):
        wf.methods.DataInf(-1.0)
    idle = wf.Problem.of(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).double().eval(), wf.cross_entropy(), (X, y))
    dead = idle.at({"1.weight": torch.zeros(2, 3, dtype=torch.float64)})  # nothing reaches the first layer
    assert torch.isfinite(wf.attribute(wf.methods.DataInf(), dead, (X, y)).values).all()


def test_a_plan_tells_of_the_passes() -> None:
    case = problem("mlp")
    assert "2 more passes over the training data" in str(wf.plan(wf.methods.DataInf(), case.problem, case.queries))
    assert "1 more pass over the training data" in str(wf.plan(wf.methods.DataInf(0.1), case.problem, case.queries))
