"""The command line: arguments, run folders, names to objects, printing."""

from wherefrom.cli.app import main

__all__ = ["main"]
