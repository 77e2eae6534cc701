"""What a run was asked, and what it found."""

from dataclasses import dataclass

from torch import Tensor

from wherefrom.metrics import LooCorrelation
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores, TopScores
from wherefrom.uncertainty import Trust


@dataclass(frozen=True)
class Settings:
    """What the person chose, whatever the data."""

    method: str = "influence"
    top: int = 5
    prove: bool = True
    seed: int = 0
    trust: str = "fast"


@dataclass(frozen=True, eq=False)
class Result:
    """What a run found."""

    scores: Scores
    top: TopScores
    own: Tensor
    truth: Outcomes | None
    proof: LooCorrelation | None
    no_proof: str
    trust: Trust | None
    no_trust: str
    seconds: dict[str, float]
    notes: tuple[str, ...]
    failed: str = ""  # what a person's own trainer did, where it did not train
