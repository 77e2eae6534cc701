"""Methods beside each other over many trained models: each one's stability, their agreement, and what the noise of training allows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
