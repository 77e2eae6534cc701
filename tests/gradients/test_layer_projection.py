"""Projection by sides: the same numbers whatever form a block has, orthonormal, seeded, and nothing where a side is short."""

import pytest
import torch
from helpers import reference
from helpers.layers import CASES, layer_problem
from helpers.problems import problem

import wherefrom as wf
from wherefrom.gradients import Gradients, LayerProjector, Rows
from wherefrom.gradients.blocks import Factored


def rows_of(p: wf.Problem) -> Rows:
    return Gradients(p).losses(reference.whole(p))


def projector(rows: Rows, rank: int, seed: int = 0) -> LayerProjector:
    return wf.LayerProjection(rank, seed).of(rows.layout, torch.zeros(1, dtype=torch.float64))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", list(CASES))
def test_each_form_of_block_gives_the_projection_of_its_entries(name: str) -> None:
    rows = rows_of(layer_problem(name))
    for rank in (2, 3):
        to_few = projector(rows, rank)
        for (left, right), block, few in zip(to_few.sides, rows.blocks, to_few(rows).blocks, strict=True):
            expected = block.dense() if left is None else left @ block.dense()
            torch.testing.assert_close(few.dense(), expected if right is None else expected @ right.T)
            assert few.shape == (min(rank, block.shape[0]), min(rank, block.shape[1]))


def test_inner_products_are_those_of_the_projected_entries_and_factors_stay_factors() -> None:
    rows = rows_of(problem("mlp").problem)
    few = projector(rows, 3)(rows)
    assert all(isinstance(block, Factored) for block in few.blocks)
    torch.testing.assert_close(few.dot(few), few.flat() @ few.flat().T)


def test_directions_are_orthonormal_repeat_and_differ_by_layer_and_seed() -> None:
    rows = rows_of(problem("mlp").problem)
    one, again, other = projector(rows, 2), projector(rows, 2), projector(rows, 2, seed=1)
    for mine, same, theirs in zip(one.sides, again.sides, other.sides, strict=True):
        for left, right, third in zip(mine, same, theirs, strict=True):
            assert left is not None and right is not None and third is not None
            torch.testing.assert_close(left @ left.T, torch.eye(2, dtype=torch.float64))
            assert torch.equal(left, right) and not torch.allclose(left, third)
    assert not torch.allclose(one.sides[0][0], one.sides[1][1][:, :5])  # type: ignore[index]


def test_sides_no_longer_than_the_rank_stay() -> None:
    rows = rows_of(problem("mlp").problem)
    assert all(sides == (None, None) for sides in projector(rows, 6).sides)
    same = projector(rows, 6)(rows)
    assert all(torch.equal(few.dense(), block.dense()) for few, block in zip(same.blocks, rows.blocks, strict=True))


def test_a_penalty_that_differs_between_weight_and_bias() -> None:
    p = problem("ridge, l2 on the weight alone").problem
    gradients = Gradients(p)
    l2 = gradients.layout.rows(p.l2[None])
    to_few = wf.LayerProjection(2).of(gradients.layout, p.l2)
    (left, right), (found,) = to_few.sides[0], to_few.diagonals(l2)
    assert left is None and right is not None
    torch.testing.assert_close(found, right @ torch.diag(l2.blocks[0].dense()[0, 0]) @ right.T)


def test_no_directions_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="keeps nothing"):
        wf.LayerProjection(0)
