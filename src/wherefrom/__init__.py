"""wherefrom: where did this prediction come from? Training-data attribution for any PyTorch model, proved by retraining.

The public names stand in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"  # the one place

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
