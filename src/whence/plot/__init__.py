"""Pictures: the same altair chart in a notebook, in the report, and as PNG, SVG or PDF for papers, all offline."""

from whence.plot.comparison import agreement, stability
from whence.plot.damping import damping
from whence.plot.examples import examples
from whence.plot.intervals import intervals
from whence.plot.ranks import cumulative, ranks
from whence.plot.refitted import Refit, refitted_line
from whence.plot.removal import removal
from whence.plot.scatter import scatter
from whence.plot.style import save
from whence.plot.trade_off import trade_off

__all__ = [
    "Refit", "agreement", "cumulative", "damping", "examples", "intervals", "ranks", "refitted_line", "removal", "save", "scatter", "stability",
    "trade_off",
]  # fmt: skip
