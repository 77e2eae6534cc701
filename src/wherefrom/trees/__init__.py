"""Tree ensembles: models of XGBoost, LightGBM, CatBoost and scikit-learn, read, attributed and retrained."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
