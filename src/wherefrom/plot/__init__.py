"""Pictures: the same altair chart in a notebook, in the report, and as PNG, SVG or PDF for papers, all offline."""

from wherefrom.plot.comparison import agreement, stability
from wherefrom.plot.damping import damping
from wherefrom.plot.examples import examples, picture_url
from wherefrom.plot.intervals import intervals
from wherefrom.plot.ranks import cumulative, ranks
from wherefrom.plot.refitted import Refit, refitted_line
from wherefrom.plot.removal import removal
from wherefrom.plot.scatter import scatter
from wherefrom.plot.style import inline, save
from wherefrom.plot.trade_off import trade_off

__all__ = [
    "Refit", "agreement", "cumulative", "damping", "examples", "inline", "intervals", "picture_url", "ranks", "refitted_line", "removal", "save",
    "scatter", "stability", "trade_off",
]  # fmt: skip
