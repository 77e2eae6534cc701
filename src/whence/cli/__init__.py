"""The command line: arguments, run folders, names to objects, printing."""

from whence.cli.app import main

__all__ = ["main"]
