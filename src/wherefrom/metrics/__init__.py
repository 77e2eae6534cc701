"""How well scores agree with each other and with the truth: pure functions to estimates with intervals, chance levels and ceilings."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
