"""A seal changes with what it is made of."""

import torch

from wherefrom.fingerprints import seal


def test_a_seal_changes_with_each_part_and_knows_every_type() -> None:
    values = torch.arange(4.0)
    seals = [
        seal(values), seal(values + 1), seal(values.bfloat16()), seal((values + 1).bfloat16()), seal(values.half()), seal("a", 1), seal("a", 2)
    ]  # fmt: skip
    assert len(set(seals)) == len(seals)
    assert seal(values.numpy()) == seal(values) == seal(values.clone().requires_grad_())
