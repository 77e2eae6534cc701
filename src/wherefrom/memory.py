"""How much memory a computation may take."""

import os
import re

import torch

from wherefrom.errors import UsageError

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def memory_budget(memory: int | str | None, device: torch.device) -> int:
    """Bytes from a number, a text such as ``"4GB"``, or half of what is free."""
    if memory is None:
        return free_memory(device) // 2
    if isinstance(memory, str):
        match = re.fullmatch(r"\s*([\d.]+)\s*([a-zA-Z]*)\s*", memory)
        if not match or match[2].upper() not in UNITS:
            raise UsageError(f"memory={memory!r} is not a size; write it like '4GB' or '500MiB'.")
        memory = int(float(match[1]) * UNITS[match[2].upper()])
    if memory < 2**20:
        raise UsageError(f"memory={memory} bytes is under 1 MiB; give more.")
    return memory


def free_memory(device: torch.device) -> int:
    """Bytes free on the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not every system tells
        return 4 * 10**9


def out_of_memory(error: BaseException) -> bool:
    """Whether this is a failed allocation, on whatever device."""
    said = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in said or "not enough memory" in said
