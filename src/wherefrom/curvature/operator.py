"""What a curvature is: settings that, fitted to a problem, give a symmetric linear map on flat parameter vectors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.inverse import Inverse
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.store import UnfinishedFit

PROBES = 32  # random vectors of a trace estimate

Prepare = Callable[["Operator", float | Tensor, Mapping[str, Tensor]], Inverse]  # (operator, damping, saved tensors)


class Operator(ABC):
    """A symmetric (d, d) matrix that may never be written out; ``operator @ V`` takes V (d,) or (d, k).

    The penalty's l2 is part of it. ``semidefinite``: it is positive semi-definite by construction, l2 aside.
    """

    problem: Problem
    semidefinite: bool

    @abstractmethod
    def apply(self, vectors: Tensor) -> Tensor:
        """(d, k) -> (d, k)."""

    @abstractmethod
    def dense(self) -> Tensor:
        """The matrix itself (d, d)."""

    @abstractmethod
    def mean_eigenvalue(self) -> float:
        """Trace / d, exact or estimated with a fixed seed."""

    def on(self, positions: np.ndarray) -> "Operator":
        """The estimate of this matrix from the training examples at these positions; itself, where it is no mean over examples."""
        return self

    def tensors(self) -> dict[str, Tensor]:
        """What fitting found, to be saved; nothing where fitting is as quick as reading."""
        return {}

    def default_damping(self) -> float | Tensor:
        """0 where no eigenvalue can be 0 or below, otherwise 0.1 × the mean eigenvalue; a column (d, 1) where layers differ."""
        if self.positive_definite:
            return 0.0
        mean = self.mean_eigenvalue()
        if not 0 < mean < float("inf"):
            raise UsageError(f"The curvature's mean eigenvalue is {mean:.2g}, so no damping follows from it; give damping= yourself.")
        return 0.1 * mean

    def inverse(self, damping: float | Tensor, prepare: Prepare, tensors: Mapping[str, Tensor]) -> Inverse:
        """(C + damping I)⁻¹ by ``prepare``, a solver's, from the tensors that it saved, if any; where groups are apart, of each on its own."""
        return prepare(self, damping, tensors)

    def own_inverse(self, damping: float | Tensor, tolerance: float) -> Inverse | None:
        """(C + damping I)⁻¹ from what the operator is made of, in scores as close as ``tolerance``; None where it takes a solver's work."""
        return None

    def __matmul__(self, vectors: Tensor) -> Tensor:
        return self.apply(vectors) if vectors.dim() == 2 else self.apply(vectors[:, None])[:, 0]

    @property
    def size(self) -> int:
        """d."""
        return self.problem.size

    @property
    def positive_definite(self) -> bool:
        """Whether no eigenvalue can be 0 or below by construction."""
        return self.semidefinite and bool((self.problem.l2 > 0).all())


class Curvature(ABC):
    """Settings of a curvature; :meth:`fit` makes its operator at a problem's parameters."""

    @abstractmethod
    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> Operator:
        """Make the operator; one that takes passes over the data writes to ``resume`` how far it has come, and goes on from what stands there."""

    def restore(self, problem: Problem, tensors: Mapping[str, Tensor]) -> Operator:
        """Make the operator from its saved tensors."""
        return self.fit(problem)

    def refit(self, problem: Problem) -> Operator:
        """Make the operator of another problem with these parameters. Raises :class:`UsageError` where it cannot follow the data."""
        return self.fit(problem)


@runtime_checkable
class Matrix(Protocol):
    """Any object from outside that multiplies flat parameter vectors: ``matrix @ V``, V (d, k)."""

    def __matmul__(self, vectors: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class External(Operator):
    """Somebody else's matrix or linear operator, taken as symmetric."""

    matrix: Matrix
    problem: Problem
    semidefinite: bool = False

    def apply(self, vectors: Tensor) -> Tensor:
        try:
            return self._multiplied(vectors)
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).strip().split("\n")[0]
            raise UsageError(
                f"The given curvature does not multiply a {tuple(vectors.shape)} matrix ({reason}); it must be {self.size} × {self.size}."
            ) from error

    def _multiplied(self, vectors: Tensor) -> Tensor:
        with torch.enable_grad():  # its products may take derivatives of their own
            try:
                found = self.matrix @ vectors.detach()
            except TypeError:  # matrices of numpy and scipy take arrays alone
                found = self.matrix @ vectors.detach().cpu().numpy()
        return torch.as_tensor(found).detach().to(vectors)

    def dense(self) -> Tensor:
        return written_out(self)

    def mean_eigenvalue(self) -> float:
        return estimated_trace(self) / self.size


@dataclass(frozen=True, eq=False)
class ExternalCurvature(Curvature):
    """Somebody else's matrix as a curvature: the same whatever the data are."""

    matrix: Matrix

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> Operator:
        return External(self.matrix, problem)

    def refit(self, problem: Problem) -> Operator:
        raise UsageError("A curvature given from outside cannot be fitted to other data; use one of wherefrom's, such as GaussNewton().")


def as_curvature(given: Curvature | Matrix) -> Curvature:
    """Return a curvature as it is, and a matrix from outside as one."""
    return given if isinstance(given, Curvature) else ExternalCurvature(given)


def written_out(operator: Operator, step: int = 256) -> Tensor:
    """The matrix of an operator, column by column, symmetrised."""
    identity = torch.eye(operator.size, dtype=operator.problem.dtype, device=operator.problem.device)
    matrix = torch.cat([operator.apply(columns) for columns in identity.split(step, dim=1)], 1)
    return (matrix + matrix.T) / 2


def estimated_trace(operator: Operator, probes: int = PROBES) -> float:
    """Σ zᵀAz / probes over random signs z, exact on a diagonal matrix (Hutchinson 1990)."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (operator.size, probes), generator=generator).mul_(2).sub_(1)
    signs = signs.to(operator.problem.device, operator.problem.dtype)
    return float((signs * operator.apply(signs)).sum() / probes)
