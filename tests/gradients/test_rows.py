"""Rows: inner products, flat form and back."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.blocks import Factored, Indexed, SumBlock
from wherefrom.gradients.rows import BlockShape, Layout, cat, summed


def rows_of(name: str) -> Rows:
    p = problem(name).problem
    return Gradients(p).losses(reference.whole(p))


@pytest.mark.parametrize("name", ["mlp", "reused layer", "tied weight", "sequence in a dictionary"])
def test_inner_products_are_those_of_the_flat_rows(name: str) -> None:
    rows = rows_of(name)
    flat = rows.flat()
    torch.testing.assert_close(rows.dot(rows), flat @ flat.T)
    torch.testing.assert_close(rows.paired(rows), flat.square().sum(1))
    torch.testing.assert_close(rows.norms(), flat.norm(dim=1))
    factors = torch.rand(len(rows), dtype=flat.dtype)
    torch.testing.assert_close(rows.scale(factors).flat(), flat * factors[:, None])
    torch.testing.assert_close(rows.layout.rows(flat).flat(), flat)
    torch.testing.assert_close(cat([rows.select(slice(0, 5)), rows.select(slice(5, None))]).flat(), flat)


def test_rows_of_different_lengths_are_written_out_when_joined() -> None:
    rows = rows_of("sequence in a dictionary")
    dense = rows.layout.rows(rows.flat())
    torch.testing.assert_close(cat([rows, dense]).flat(), torch.cat([rows.flat(), rows.flat()]))


def test_rows_of_other_parameters_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="belong to different parameters"):
        rows_of("mlp").dot(rows_of("reused layer"))


@pytest.mark.parametrize("name", ["mlp", "convolution", "reused layer", "tied weight", "sequence in a dictionary", "bare parameter"])
def test_the_sum_of_rows(name: str) -> None:
    rows = rows_of(name)
    total = rows.flat().sum(0, keepdim=True)
    torch.testing.assert_close(rows.sum().flat(), total)
    torch.testing.assert_close(summed([rows.select(slice(0, 3)), rows.select(slice(3, None))]).flat(), total)


def test_factors_of_a_table_read_at_both_ends_stay_factors_when_joined() -> None:
    def tied(k: int, positions: int = 4) -> Rows:
        head = Factored(torch.randn(k, positions, 5).double(), torch.randn(k, positions, 30).double())
        table = Indexed(torch.randint(30, (k, positions)), torch.randn(k, positions, 5).double(), 30)
        return Rows((SumBlock((head, table)),), Layout({"table": torch.Size([30, 5])}, (BlockShape(("table",), 30, (5,)),)))

    first, second, longer = tied(2), tied(3), tied(1, positions=6)
    (joined,) = cat([first, second]).blocks
    assert isinstance(joined, SumBlock) and [type(part) for part in joined.parts] == [Factored, Indexed]
    torch.testing.assert_close(joined.dense(), torch.cat([first.blocks[0].dense(), second.blocks[0].dense()]))
    (written,) = cat([first, longer]).blocks
    torch.testing.assert_close(written.dense(), torch.cat([first.blocks[0].dense(), longer.blocks[0].dense()]))
