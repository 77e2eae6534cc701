"""Factors in groups are what they stand for."""

import torch

from wherefrom.gradients.grouped import Grouped


def test_every_operation_is_that_of_the_written_out_entries() -> None:
    block = Grouped(torch.randn(5, 2, 7, 3), torch.randn(5, 2, 7, 4))
    written = block.dense()
    assert block.shape == (8, 3) and len(block) == 5 and block.nbytes == 4 * 5 * 2 * 7 * 7 and block.like is block.outputs
    torch.testing.assert_close(written[:, 4:], torch.einsum("kto,kti->koi", block.outputs[:, 1], block.inputs[:, 1]))
    torch.testing.assert_close(block.squared_norms(), written.square().sum((1, 2)))
    torch.testing.assert_close(block.scale(torch.arange(5.0)).dense(), written * torch.arange(5.0)[:, None, None])
    torch.testing.assert_close(block.select(slice(1, 3)).dense(), written[1:3])
    torch.testing.assert_close(block.sum(), written.sum(0, keepdim=True))
