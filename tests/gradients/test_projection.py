"""Projections: one linear map whatever form the rows come in, true on average, and close at a thousand numbers."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.layers import CASES, layer_problem
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients, Projection, Rows


def rows_of(p: wf.Problem) -> Rows:
    return Gradients(p).losses(reference.whole(p))


def projected(rows: Rows, dimension: int, seed: int = 0) -> Tensor:
    return Projection(dimension, seed).of(rows.layout)(rows).flat()


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", list(CASES))
def test_factors_tables_and_sums_go_where_their_entries_go(name: str) -> None:
    rows = rows_of(layer_problem(name))
    dimension = max(1, rows.layout.size // 3)
    written = rows.layout.rows(rows.flat())
    torch.testing.assert_close(projected(rows, dimension), projected(written, dimension))


@pytest.mark.parametrize("positions", [1, 3])
def test_long_factors_take_the_way_through_fourier_transforms(positions: int) -> None:
    X = torch.randn(6, positions, 60, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(60, 50), nn.Flatten(), nn.Linear(50 * positions, 3)).double().eval()
    rows = rows_of(wf.Problem.of(model, wf.cross_entropy(), (X, torch.arange(6) % 3)))
    projector = Projection(20).of(rows.layout)
    assert projector.hashes[0].turns(rows.blocks[0])
    torch.testing.assert_close(projector(rows).flat(), projector(rows.layout.rows(rows.flat())).flat())


def test_the_map_is_linear_and_the_same_for_any_batch() -> None:
    rows = rows_of(problem("mlp").problem)
    whole = projected(rows, 20)
    parts = [projected(rows.select(slice(start, start + 7)), 20) for start in range(0, len(rows), 7)]
    torch.testing.assert_close(torch.cat(parts), whole)
    torch.testing.assert_close(projected(rows.sum(), 20), whole.sum(0, keepdim=True))


def test_seeds_and_draws_differ_and_repeat() -> None:
    rows = rows_of(problem("mlp").problem)
    assert torch.equal(projected(rows, 20, 1), projected(rows, 20, 1))
    assert not torch.allclose(projected(rows, 20, 1), projected(rows, 20, 2))
    assert not torch.allclose(Projection(20).of(rows.layout, draw=1)(rows).flat(), projected(rows, 20))


def test_no_more_parameters_than_the_dimension_are_kept_as_they_are() -> None:
    rows = rows_of(problem("softmax").problem)
    assert Projection(rows.layout.size).of(rows.layout)(rows) is rows


@pytest.mark.parametrize("dimension", [1, 7, 64])
def test_inner_products_are_true_on_average(dimension: int) -> None:
    rows = rows_of(problem("mlp").problem).select(slice(0, 8))
    true = rows.dot(rows)
    errors = []
    for seed in range(400):
        few = Projection(dimension, seed).of(rows.layout)(rows)
        errors.append(few.dot(few) - true)
    found = torch.stack(errors)
    assert (found.mean(0).abs() <= 4 * found.std(0) / 400**0.5).all()  # 36 means at once
    allowed = 3 * rows.norms()[:, None] * rows.norms() / dimension**0.5  # 8 / dimension bounds the variance of a product of two sketches
    assert (found.std(0) <= allowed).all()


def test_half_precision_is_added_up_in_single() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(3, 400, generator=generator)
    layout = rows_of(wf.Problem.of(nn.Linear(39, 10).eval(), wf.cross_entropy(), (torch.randn(4, 39), torch.arange(4)))).layout
    found = projected(layout.rows(flat.bfloat16()), 50)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), projected(layout.rows(flat.bfloat16().float()), 50), rtol=0.01, atol=0.01)


def test_a_dimension_below_one_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="give a dimension of 1 or more"):
        Projection(0)


@cache
def mnist(kind: str) -> tuple[wf.Problem, Any, wf.CheckpointRecorder]:
    """A small model of 600 MNIST images with two checkpoints, and 30 queries."""
    part = wf.datasets.mnist("train", limit=630)
    X, y = part.X.float().reshape(-1, 1, 28, 28), part.y
    torch.manual_seed(0)
    bodies = {
        "MLP": [nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10)],
        "CNN": [nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(288, 10)],
    }
    model = nn.Sequential(*bodies[kind])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = wf.CheckpointRecorder(model, optimizer)
    for step in range(120):
        rows = torch.arange(step * 50, step * 50 + 50) % 600
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
        optimizer.step()
        if step in (40, 119):
            recorder.record()
    return wf.Problem.of(model.eval(), wf.cross_entropy(), (X[:600], y[:600])), (X[600:], y[600:]), recorder


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("kind", ["MLP", "CNN"])
def test_tracin_at_a_thousand_numbers_on_mnist(kind: str) -> None:
    p, queries, recorder = mnist(kind)
    true = wf.attribute(wf.TracIn(recorder), p, queries, progress=False).values.double()
    means = []
    for seed in range(6):
        found = wf.attribute(wf.TracIn(recorder, projection=Projection(1000, seed)), p, queries, progress=False).values.double()
        rows = [np.corrcoef(row, exact)[0, 1] for row, exact in zip(found, true, strict=True)]
        assert np.mean(rows) >= 0.97
        means.append(float((found - true).mean()))
    assert abs(np.mean(means)) < 3 * np.std(means, ddof=1) / len(means) ** 0.5


@pytest.mark.parametrize("dimension", [7, 20, 1000])
def test_a_diagonal_matrix_stays_diagonal(dimension: int) -> None:
    p = problem("mlp").problem
    layout = Gradients(p).layout
    entries = layout.rows(torch.rand(1, layout.size, dtype=torch.float64))
    projector = Projection(dimension).of(layout)
    matrix = projector(layout.rows(torch.eye(layout.size, dtype=torch.float64))).flat().T
    torch.testing.assert_close(projector.diagonal(entries), matrix @ entries.flat()[0].diag() @ matrix.T)
