"""Settings of curvatures and solvers as plain data, and back."""

from dataclasses import fields, is_dataclass
from typing import Any

from wherefrom.curvature import (
    EKFAC,
    KFAC,
    BlockDiagonal,
    Diagonal,
    EmpiricalFisher,
    Fisher,
    GaussNewton,
    Hessian,
    Identity,
)
from wherefrom.errors import UsageError
from wherefrom.solvers.absolute import Absolute
from wherefrom.solvers.arnoldi import Arnoldi
from wherefrom.solvers.cg import CG
from wherefrom.solvers.eigen import Eigen
from wherefrom.solvers.exact import Exact
from wherefrom.solvers.lissa import LiSSA

KINDS = {
    kind.__name__: kind
    for kind in (EKFAC, KFAC, BlockDiagonal, Diagonal, EmpiricalFisher, Fisher, GaussNewton, Hessian, Identity)
    + (Absolute, Arnoldi, CG, Eigen, Exact, LiSSA)
}


def plain(settings: Any) -> Any:
    """Numbers, texts, lists and dictionaries that :func:`made` turns back into the settings."""
    if is_dataclass(settings) and type(settings).__name__ in KINDS:
        return {"kind": type(settings).__name__, **{field.name: plain(getattr(settings, field.name)) for field in fields(settings)}}
    if isinstance(settings, tuple):
        return [plain(value) for value in settings]
    if settings is None or isinstance(settings, (bool, int, float, str)):
        return settings
    raise UsageError(f"A {type(settings).__name__} cannot be saved; save with the curvatures and solvers of wherefrom.")


def made(described: Any) -> Any:
    """The settings that :func:`plain` described."""
    if isinstance(described, dict):
        values = {name: made(value) for name, value in described.items() if name != "kind"}
        return KINDS[described["kind"]](**values)
    return tuple(made(value) for value in described) if isinstance(described, list) else described
