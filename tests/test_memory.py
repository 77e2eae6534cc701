"""Budgets of memory."""

import pytest
import torch

import wherefrom as wf
from wherefrom.memory import memory_budget

CPU = torch.device("cpu")


def test_sizes_are_read() -> None:
    assert memory_budget("4GB", CPU) == 4 * 10**9 and memory_budget("1.5 MiB", CPU) == 3 * 2**19 and memory_budget(2**21, CPU) == 2**21
    assert memory_budget(None, CPU) > 2**20


@pytest.mark.parametrize("size", ["much", "4XB", "-1GB"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(wf.UsageError, match="is not a size"):
        memory_budget(size, CPU)


def test_too_little_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="under 1 MiB"):
        memory_budget(10, CPU)
