"""What a comparison is asked for, and what it computes."""

from dataclasses import dataclass, field

from wherefrom.cli.comparison_setup import ComparisonSetup
from wherefrom.compare import Consistency, RemovalPower
from wherefrom.compare.consistency import Estimand
from wherefrom.metrics import Lds, LooCorrelation, RemovalCurves


@dataclass(frozen=True)
class ComparisonSettings:
    """What the person asks for: ``subsets`` are retrained on for the LDS, ``left_out`` examples left out one at a time."""

    methods: str
    runs: int = 5
    k: int = 10
    queries: int = 10
    subsets: int = 24
    left_out: int = 0
    removal: bool = False
    estimand: Estimand = "models trained like it"
    seed: int = 0

    @property
    def seeds(self) -> range:
        """The seeds of the trained models: the first alone, where the question is of one model."""
        return range(self.seed, self.seed + (1 if self.estimand == "this model" else self.runs))


@dataclass(eq=False)
class ComparisonResult:
    """What a comparison computes, by method where it is a mapping; ``seconds`` of each part."""

    setup: ComparisonSetup
    settings: ComparisonSettings
    consistency: Consistency
    lds: dict[str, Lds] = field(default_factory=dict)
    left_out: dict[str, LooCorrelation] = field(default_factory=dict)
    power: RemovalPower | None = None
    curves: RemovalCurves | None = None
    seconds: dict[str, float] = field(default_factory=dict)
