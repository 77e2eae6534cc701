"""Language models, end to end: a model or its folder and data in any of their forms, to scores of sequences and of tokens."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
