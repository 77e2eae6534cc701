"""What signatures call the things of other libraries, which have no common base."""

from typing import Any, TypeAlias

Estimator: TypeAlias = Any  # a fitted model of scikit-learn, XGBoost, LightGBM or CatBoost
Table: TypeAlias = Any  # a pandas frame, or an array (rows, columns)
Settings: TypeAlias = dict[str, Any]  # of an estimator, by name
Rules: TypeAlias = dict[str, tuple[tuple[Any, ...], str, str]]  # name -> (values that can be followed, why others cannot, what instead)
Inputs: TypeAlias = Any  # of a batch: {"row": ..., "table": ...}
