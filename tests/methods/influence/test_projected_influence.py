"""Projected influence: block-diagonal influence where nothing is projected away, its formula in numpy where something is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients

FISHERS = {"empirical": wf.EmpiricalFisher(), "drawn": wf.Fisher(samples=2, seed=3), "all outputs": wf.GaussNewton()}
NAMES = ["softmax", "ridge with weights", "mlp", "mlp, weights alone", "reused layer", "convolution", "sequence in a dictionary"]
WHOLE = wf.LayerProjection(100)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fisher", list(FISHERS))
def test_nothing_projected_away_it_is_block_diagonal_influence(name: str, fisher: str) -> None:
    case, curvature = problem(name), FISHERS[fisher]
    found = wf.attribute(wf.ProjectedInfluence(WHOLE, curvature, damping=0.02), case.problem, case.queries)
    method = wf.InfluenceFunction(wf.IHVP(wf.BlockDiagonal(curvature), wf.Exact(), damping=0.02))
    torch.testing.assert_close(found.values, wf.attribute(method, case.problem, case.queries).values, rtol=1e-8, atol=1e-11)
    own = wf.self_influence(wf.ProjectedInfluence(WHOLE, curvature, damping=0.02), case.problem)
    torch.testing.assert_close(own, wf.self_influence(method, case.problem), rtol=1e-8, atol=1e-11)
    assert found.unit == "loss change"


@pytest.mark.parametrize("name", [*NAMES, "tied weight", "bare parameter"])
def test_a_sketch_with_nothing_projected_away_is_influence(name: str) -> None:
    case = problem(name)
    found = wf.attribute(wf.ProjectedInfluence(wf.gradients.Projection(10**4), wf.EmpiricalFisher(), damping=0.02), case.problem, case.queries)
    method = wf.InfluenceFunction(wf.IHVP(wf.EmpiricalFisher(), wf.Exact(), damping=0.02))
    torch.testing.assert_close(found.values, wf.attribute(method, case.problem, case.queries).values, rtol=1e-8, atol=1e-11)


def written_out(p: wf.Problem, queries: Any, maps: list[np.ndarray], places: list[np.ndarray], damping: float | None) -> np.ndarray:
    """Σ over groups of parameters, each with its map P, of (1/N) wᵢ (P g_q)ᵀ (P C Pᵀ + damping)⁻¹ P gᵢ with the empirical Fisher."""
    g, asked = reference.gradients(p).numpy(), reference.gradients(p, queries).numpy()
    share, total = p.weights.numpy() / p.normaliser, np.zeros((len(asked), len(g)))
    for P, at in zip(maps, places, strict=True):
        few, few_asked = g[:, at] @ P.T, asked[:, at] @ P.T
        C = few.T @ (share[:, None] * few) + P @ np.diag(p.l2.numpy()[at]) @ P.T
        own = 0.1 * np.trace(C) / len(C) if damping is None else damping
        total += few_asked @ np.linalg.inv(C + own * np.eye(len(C))) @ few.T * share
    return total


@pytest.mark.parametrize("damping", [None, 0.0, 0.05])
@pytest.mark.parametrize("name", ["mlp", "ridge, l2 on the weight alone"])
def test_two_sides_are_the_formula_written_out(name: str, damping: float | None) -> None:
    case = problem(name)
    p, projection = case.problem, wf.LayerProjection(2)
    layout = Gradients(p).layout
    sides = projection.of(layout, p.l2).sides
    maps, places, start = [], [], 0
    for (left, right), shape in zip(sides, layout.blocks, strict=True):
        # θ holds the weight (o, i - 1) by rows, then the bias (o,)
        o, i = shape.rows, sum(shape.columns)
        at = np.concatenate([start + np.arange(o * (i - 1)).reshape(o, i - 1), start + o * (i - 1) + np.arange(o)[:, None]], 1)
        maps.append(np.kron(np.eye(o) if left is None else left.numpy(), np.eye(i) if right is None else right.numpy()))
        places.append(at.flatten())
        start += o * i
    found = wf.attribute(wf.ProjectedInfluence(projection, wf.EmpiricalFisher(), damping), p, case.queries).values
    np.testing.assert_allclose(found.numpy(), written_out(p, case.queries, maps, places, damping), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("damping", [None, 0.05])
def test_a_sketch_is_the_formula_written_out(damping: float | None) -> None:
    case = problem("mlp")
    p, layout = case.problem, Gradients(case.problem).layout
    P = wf.gradients.Projection(12).of(layout)(layout.rows(torch.eye(p.size, dtype=torch.float64))).flat().T.numpy()
    found = wf.attribute(wf.ProjectedInfluence(wf.gradients.Projection(12), wf.EmpiricalFisher(), damping), p, case.queries).values
    np.testing.assert_allclose(found.numpy(), written_out(p, case.queries, [P], [np.arange(p.size)], damping), rtol=1e-8, atol=1e-11)


def wide(n: int = 200) -> tuple[wf.Problem, Any]:
    """Inputs whose variance lies along a few directions."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n + 20, 30, generator=generator, dtype=torch.float64) * torch.logspace(0, -2, 30, dtype=torch.float64)
    X = X @ torch.linalg.qr(torch.randn(30, 30, generator=generator, dtype=torch.float64)).Q
    y = (X @ torch.randn(30, 4, generator=generator, dtype=torch.float64)).argmax(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 4)).double()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(X[:n]), y[:n]).backward()
        optimiser.step()
    return wf.Problem.of(model.eval(), wf.cross_entropy(), (X[:n], y[:n])), (X[n:], y[n:])


def test_leading_eigenvectors_come_nearer_to_influence_than_random_directions() -> None:
    p, queries = wide()
    exact = wf.attribute(wf.ProjectedInfluence(WHOLE, damping=0.01), p, queries).values
    found = []
    for basis in (wf.KFAC(), None):
        scores = wf.attribute(wf.ProjectedInfluence(wf.LayerProjection(10), damping=0.01, basis=basis), p, queries).values
        found.append(float(torch.corrcoef(torch.stack([scores.flatten(), exact.flatten()]))[0, 1]))
    assert found[0] > 0.95 and found[0] > found[1] + 0.1


@pytest.mark.parametrize("name", ["softmax", "mlp", "convolution", "sequence in a dictionary", "bare parameter"])
def test_a_basis_of_all_directions_changes_nothing(name: str) -> None:
    case = problem(name)
    plain, turned = (wf.attribute(wf.ProjectedInfluence(WHOLE, basis=basis), case.problem, case.queries).values for basis in (None, wf.EKFAC()))
    torch.testing.assert_close(turned, plain)


@pytest.mark.parametrize("model", ["grouped", "table"])
def test_bases_of_groups_and_tables(model: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if model == "grouped":
            net, X = nn.Sequential(nn.Conv1d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(18, 3)), torch.randn(20, 4, 5)
        else:
            net, X = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 3)), torch.randint(9, (20, 3))
        p = wf.Problem.of(net.double().eval(), wf.cross_entropy(), (X.double() if model == "grouped" else X, torch.arange(20) % 3))
    for rank in (2, 5):
        scores = wf.attribute(wf.ProjectedInfluence(wf.LayerProjection(rank), basis=wf.KFAC()), p, p.train)
        assert torch.isfinite(scores.values).all() and (scores.values.diagonal() >= 0).all()


@pytest.mark.parametrize("method", [wf.ProjectedInfluence(wf.LayerProjection(2)), wf.ProjectedInfluence(wf.gradients.Projection(12)),
                                    wf.ProjectedInfluence(wf.LayerProjection(2), wf.GaussNewton(), basis=wf.KFAC(samples=None))])  # fmt: skip
@pytest.mark.parametrize("name", ["mlp", "sequence in a dictionary", "tied weight", "bare parameter", "ridge with weights"])
def test_batch_size_order_streaming_and_sums_agree(name: str, method: wf.ProjectedInfluence) -> None:
    case = problem(name)
    p, small = case.problem, replace(case.problem, batch_size=5)
    whole = wf.attribute(method, p, case.queries)
    torch.testing.assert_close(wf.attribute(method, small, case.queries).values, whole.values, rtol=1e-7, atol=1e-10)
    assert (wf.attribute(method, small, case.queries, top=4).ids == whole.top(4).ids).all()
    together = wf.attribute(method, small, case.queries, aggregate=True).values
    torch.testing.assert_close(together, whole.values.sum(0, keepdim=True), rtol=1e-7, atol=1e-9)
    order = np.random.default_rng(0).permutation(len(p))
    shuffled = replace(p, train=p.train.take(order), weights=p.weights[torch.from_numpy(order)])
    torch.testing.assert_close(wf.attribute(method, shuffled, case.queries).values, whole.values[:, torch.from_numpy(order)], rtol=1e-7, atol=1e-10)


def test_a_measurement_where_higher_is_better() -> None:
    case = problem("mlp")

    def gain(outputs: Tensor, targets: Tensor) -> Tensor:
        return -nn.functional.cross_entropy(outputs, targets, reduction="none")

    asked = replace(case.problem, objective=wf.cross_entropy(l2=0.01, measurement=gain, lower_is_better=False))
    method = wf.ProjectedInfluence(wf.LayerProjection(2))
    found = wf.attribute(method, asked, case.queries)
    torch.testing.assert_close(found.values, wf.attribute(method, case.problem, case.queries).values)
    assert found.unit == "measurement change"


def test_fewer_examples_than_directions_and_duplicates_give_finite_scores() -> None:
    case = problem("mlp")
    batch = reference.whole(case.problem)
    rows = [0, 0, 1]
    p = wf.Problem.of(case.problem.model, wf.cross_entropy(), (batch.inputs[rows], batch.targets[rows]))
    for curvature in FISHERS.values():
        scores = wf.attribute(wf.ProjectedInfluence(wf.LayerProjection(4), curvature), p, case.queries).values
        assert torch.isfinite(scores).all()
        torch.testing.assert_close(scores[:, 0], scores[:, 1])


def test_a_plan_tells_of_fitting() -> None:
    case = problem("mlp")
    assert "2 matrices of up to 25² entries, factored" in str(wf.plan(wf.ProjectedInfluence(), case.problem, case.queries))
    assert "1 over the training data" in str(wf.plan(wf.ProjectedInfluence(wf.gradients.Projection(12)), case.problem, case.queries))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"damping": -1.0}, "is no damping"),
        ({"projection": wf.gradients.Projection(10), "basis": wf.KFAC()}, "give a LayerProjection, or leave basis= out"),
    ],
)
def test_bad_settings_are_one_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        wf.ProjectedInfluence(**settings)


def test_singular_and_flat_curvatures_are_refused() -> None:
    X, y = torch.randn(3, 5, dtype=torch.float64), torch.arange(3) % 2
    p = wf.Problem.of(nn.Linear(5, 2).double().eval(), wf.cross_entropy(), (X, y))
    with pytest.raises(wf.UsageError, match="leave out damping= or give a larger one"):
        wf.attribute(wf.ProjectedInfluence(damping=0.0), p, (X, y))
    flat = wf.Problem.of(nn.Linear(5, 2, bias=False).double().eval(), wf.cross_entropy(), (0 * X, y))
    with pytest.raises(wf.UsageError, match="no damping follows from it"):
        wf.attribute(wf.ProjectedInfluence(), flat, (X, y))


def test_each_layer_has_its_own_damping_and_asking_twice_changes_nothing() -> None:
    """LogIX takes the first layer's damping for all, and adds it to its eigenvalues again at each call."""
    case = problem("mlp")
    scaled = case.problem.at({"0.weight": 30 * case.problem.state["0.weight"]})
    method = wf.ProjectedInfluence(WHOLE, wf.EmpiricalFisher())
    g, asked = reference.gradients(scaled), reference.gradients(scaled, case.queries)
    expected = torch.zeros(3, len(scaled), dtype=torch.float64)
    for at in (slice(0, 25), slice(25, 43)):
        C = g[:, at].T @ g[:, at] / len(scaled) + torch.diag(scaled.l2[at])
        C += 0.1 * C.trace() / len(C) * torch.eye(len(C), dtype=torch.float64)
        expected += asked[:, at] @ torch.linalg.solve(C, g[:, at].T) / len(scaled)
    fitted = method.fit(scaled)
    for _ in range(2):
        batch = reference.whole(scaled)
        found = fitted.prepare(scaled.batches(scaled.examples(case.queries)))(batch)
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-11)
