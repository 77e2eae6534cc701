"""Scores, rows and factors on disk."""

from whence.store.files import write_whole
from whence.store.group import ArrayWriter, read_group, write_group

__all__ = ["ArrayWriter", "read_group", "write_group", "write_whole"]
