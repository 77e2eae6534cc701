"""Parts of layers: one map whatever form a gradient comes in, true on average, and a projection that goes on from it."""

import pytest
import torch
from helpers import reference
from helpers.layers import CASES, layer_problem
from helpers.problems import problem

import wherefrom as wf
from wherefrom.gradients import Dense, Factored, Gradients, Projection, Rows
from wherefrom.gradients.blocks import Indexed
from wherefrom.gradients.sparse_layers import LayerPart


def rows_of(p: wf.Problem) -> Rows:
    return Gradients(p).losses(reference.whole(p))


def test_a_part_of_factors_and_tables_is_that_of_their_entries() -> None:
    part = LayerPart.drawn(9, 6, 0.3, "layer", "cpu")
    factored = Factored(torch.randn(4, 3, 6), torch.randn(4, 3, 9))
    indexed = Indexed(torch.randint(9, (4, 5)), torch.randn(4, 5, 6), 9)
    for block in (factored, indexed):
        wanted = block.dense()[:, part.rows][:, :, part.columns] * part.stretch
        torch.testing.assert_close(part(block).dense(), wanted)
        torch.testing.assert_close(part(Dense(block.dense())).dense(), wanted)
        assert type(part(block)) is type(block)
    assert part.stretch == pytest.approx((54 / (len(part.rows) * len(part.columns))) ** 0.5)


def test_layers_of_one_side_keep_the_share_of_it_and_every_layer_something() -> None:
    bias = LayerPart.drawn(1, 100, 0.1, "bias", "cpu")
    assert len(bias.rows) == 1 and len(bias.columns) == 10
    assert len(LayerPart.drawn(1, 3, 0.01, "norm", "cpu").columns) == 1


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", list(CASES))
def test_a_projection_of_a_share_is_one_map_for_every_form(name: str) -> None:
    rows = rows_of(layer_problem(name))
    projector = Projection(max(1, rows.layout.size // 3), share=0.4).of(rows.layout)
    torch.testing.assert_close(projector(rows).flat(), projector(rows.layout.rows(rows.flat())).flat())


def test_inner_products_are_true_on_average_and_a_share_tells_on_their_spread() -> None:
    rows = rows_of(problem("mlp").problem).select(slice(0, 6))
    true, spread = rows.dot(rows), []
    for share in (1.0, 0.3):
        found = []
        for seed in range(600):
            few = Projection(20, seed, share).of(rows.layout)(rows)
            found.append(few.dot(few) - true)
        errors = torch.stack(found)
        assert (errors.mean(0).abs() <= 4 * errors.std(0) / 600**0.5).all()
        spread.append(float(errors.std(0).mean()))
    assert spread[0] < spread[1]


@pytest.mark.parametrize("dimension", [7, 20])
def test_a_diagonal_matrix_stays_diagonal(dimension: int) -> None:
    layout = Gradients(problem("mlp").problem).layout
    entries, eye = torch.rand(1, layout.size, dtype=torch.float64), torch.eye(layout.size, dtype=torch.float64)
    projector = Projection(dimension, share=0.5).of(layout)
    matrix = projector(layout.rows(eye)).flat().T
    torch.testing.assert_close(projector.diagonal(layout.rows(entries)), matrix @ entries[0].diag() @ matrix.T)


def test_methods_take_it_and_a_share_of_nothing_is_refused() -> None:
    case = problem("mlp")
    sketch = Projection(12, share=0.5)
    for method in (wf.TracIn([case.problem.state], 1.0, projection=sketch), wf.ProjectedInfluence(sketch), wf.methods.TrackStar(projection=sketch)):
        assert torch.isfinite(wf.attribute(method, case.problem, case.queries).values).all()
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(wf.UsageError, match="give a share above 0, at most 1"):
            Projection(10, share=share)
