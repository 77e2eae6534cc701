"""Sums over a long pass through the data that outlive a kill: written now and then, taken up by the next run."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.store.tensors import read_tensors, write_tensors
from wherefrom.types import Json

KIND = "unfinished fit"
SHARE = 0.05  # the most of the time that writing may take


class UnfinishedFit:
    """A file that holds how far a fit has come; ``every`` seconds at most it is written anew.

    What it was fitted on must be the same for it to be taken up; otherwise the fit starts again.
    """

    def __init__(self, path: str | Path, manifest: Mapping[str, Json], every: float = 30.0) -> None:
        self.path, self.manifest, self.every = Path(path), dict(manifest), every
        self.last, self.taken = time.monotonic(), 0.0

    def read(self) -> tuple[str, int, dict[str, Tensor]] | None:
        """Return (stage, batches done, tensors) of an earlier run; None where there is none to go on with."""
        if not self.path.is_file():
            return None
        try:
            tensors, manifest = read_tensors(self.path, KIND)
        except UsageError:  # a file that is not whole says nothing
            return None
        if manifest["of"] != self.manifest:
            return None
        return manifest["stage"], manifest["done"], tensors

    def note(self, stage: str, done: int, tensors: Callable[[], Mapping[str, Tensor]]) -> None:
        """Write how far a stage has come, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self.last < max(self.every, self.taken / SHARE):
            return
        write_tensors(self.path, KIND, tensors(), {"of": self.manifest, "stage": stage, "done": done})
        self.last, self.taken = time.monotonic(), time.monotonic() - now

    def finish(self) -> None:
        """Remove the file: nothing is unfinished any more."""
        self.path.unlink(missing_ok=True)


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those whose names begin with the prefix and a dot, without it."""
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def beneath(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with the prefix and a dot before each name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
