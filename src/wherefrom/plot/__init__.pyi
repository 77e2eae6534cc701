"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .comparison import agreement, stability
from .damping import damping
from .examples import examples, picture_url
from .intervals import intervals
from .ranks import cumulative, ranks
from .refitted import Refit, refitted_line
from .removal import removal
from .scatter import scatter
from .style import inline, save
from .trade_off import trade_off

__all__ = [
    "Refit", "agreement", "cumulative", "damping", "examples", "inline", "intervals", "picture_url", "ranks", "refitted_line", "removal", "save",
    "scatter", "stability", "trade_off",
]  # fmt: skip
