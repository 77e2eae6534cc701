"""What has been compared with autograd so far: which uses of which parameters, and with what result."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Of a parameter, for each use: operation, kind, function of the parameter, and whether another dimension is as long as the batch.
Signature = frozenset[tuple[str, str, str, bool]]

OFTEN = 500  # examples after which a few are compared again


@dataclass(eq=False)
class Proofs:
    """The verdicts on uses, and the count of examples since the last comparison."""

    verdicts: dict[tuple[str, Signature, bool], bool] = field(default_factory=dict)  # the last key: on a single example alone
    since: int = 0
    apart: bool = False  # whether the loss of an example was found to be the same in other company

    def verdict(self, name: str, signature: Signature, size: int) -> bool | None:
        """Return whether rows of such a use are autograd's; None where that is not known yet. One example proves nothing for several."""
        found = self.verdicts.get((name, signature, False))
        return self.verdicts.get((name, signature, True)) if found is None and size == 1 else found

    def add(self, signatures: Mapping[str, Signature], size: int, right: bool) -> None:
        """Note a verdict on uses in a batch of this size."""
        self.verdicts.update(dict.fromkeys(((name, signature, size == 1) for name, signature in signatures.items()), right))

    def due(self, size: int) -> bool:
        """Count the examples of a batch; return whether it is time to compare a few again."""
        self.since += size
        if self.since < OFTEN:
            return False
        self.since = 0
        return True
