"""A matrix of weights as a sum of few outer products, close where it counts."""

from dataclasses import dataclass

import torch
from torch import Tensor

WIDE = 600  # the shorter side beyond which singular vectors are found by subspace iteration
FLOOR = 1e-4  # energy below this share of the largest counts as that much
SPARE, TURNS = 8, 3  # further directions, and rounds, of the iteration


@dataclass(frozen=True, eq=False)
class LowRank:
    """rows (o, R) times columns (i, R) transposed; ``error`` relative, in the weighed Frobenius norm."""

    rows: Tensor
    columns: Tensor
    error: float


def low_rank(weights: Tensor, row_energy: Tensor, column_energy: Tensor, tolerance: float, most: int) -> LowRank | None:
    """The fewest outer products whose sum is within ``tolerance`` of ``weights`` (o, i), entry (r, c) weighed by √(row · column energy).

    None where more than ``most`` are needed.
    """
    left, right = _scale(row_energy), _scale(column_energy)
    weighed = left[:, None] * weights * right
    total = weighed.square().sum()
    basis, sizes, others = _leading(weighed, most)
    errors = ((total - sizes.square().cumsum(0)).clamp_min(0) / total).sqrt()
    close = (errors <= tolerance).nonzero()
    if not len(close) or int(close[0]) >= most:
        return None
    rank = int(close[0]) + 1
    return LowRank(basis[:, :rank] * sizes[:rank] / left[:, None], others[:, :rank] / right[:, None], float(errors[rank - 1]))


def _scale(energy: Tensor) -> Tensor:
    return energy.clamp_min(FLOOR**2 * float(energy.max()) or 1.0).sqrt()


def _leading(matrix: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Singular vectors and values, the largest first: all of a narrow matrix, as many as may be needed of a wide one."""
    count = most + SPARE
    if min(matrix.shape) <= max(WIDE, count):
        basis, sizes, others = torch.linalg.svd(matrix, full_matrices=False)
        return basis, sizes, others.T
    generator = torch.Generator().manual_seed(0)
    found = torch.randn(matrix.shape[1], count, generator=generator).to(matrix)
    for _ in range(TURNS):
        found = torch.linalg.qr(matrix.T @ torch.linalg.qr(matrix @ found)[0])[0]
    basis, sizes, small = torch.linalg.svd(matrix @ found, full_matrices=False)
    return basis, sizes, found @ small.T
