"""Pictures: the same altair chart in a notebook, in the report, and as PNG, SVG or PDF for papers, all offline."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
