"""What an explanation is asked for, and what it computes."""

from dataclasses import dataclass

from torch import Tensor

from wherefrom.metrics import LooCorrelation
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores, TopScores
from wherefrom.uncertainty import Trust


@dataclass(frozen=True)
class ExplanationSettings:
    """What the person chooses, whatever the data."""

    method: str = "influence"
    top: int = 5
    prove: bool = True
    seed: int = 0
    trust: str = "fast"


@dataclass(frozen=True, eq=False)
class ExplanationResult:
    """What a run computes."""

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
    failed: str = ""  # how a person's own trainer failed, where it did
