"""Sums behind Kronecker factors: by their definition, for any number of batches, once for layers that are given the same."""

import pytest
import torch
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.curvature import BlockEigen
from wherefrom.curvature import kronecker_factors as module
from wherefrom.curvature.kronecker_factors import Grams, MomentSum, eigen_blocks, moments
from wherefrom.gradients.blocks import Factored


def factored(k: int, positions: int, i: int, o: int) -> Factored:
    return Factored(torch.randn(k, positions, i, dtype=torch.float64), torch.randn(k, positions, o, dtype=torch.float64))


@pytest.mark.parametrize("columns", [3, module.STRIP, 2 * module.STRIP + 5])
def test_moments_are_weighted_sums_of_outer_products(columns: int) -> None:
    block, weights = factored(4, 3, columns, 2), torch.rand(4, dtype=torch.float64)
    found = moments(block, weights, Grams())
    torch.testing.assert_close(found.columns[0], torch.einsum("k,kti,ktj->ij", weights, block.inputs, block.inputs))
    torch.testing.assert_close(found.rows[0], torch.einsum("k,kti,ktj->ij", weights, block.outputs, block.outputs))
    assert found.positions == pytest.approx(float(3 * weights.sum()))


def test_rows_of_one_position_wait_and_none_is_lost() -> None:
    block, weights = factored(module.TOGETHER + 130, 1, 5, 2), torch.rand(module.TOGETHER + 130, dtype=torch.float64)
    total = MomentSum()
    for start in range(0, len(block), 100):
        part = slice(start, start + 100)
        total.add(block.select(part), weights[part], Grams())
    assert total.waiting and total.total is not None
    true = moments(block, weights, Grams())
    torch.testing.assert_close(total.moments().columns, true.columns)
    torch.testing.assert_close(total.moments().rows, true.rows)


def test_a_shared_product_is_never_written_to() -> None:
    block, weights, grams = factored(4, 3, 5, 2), torch.rand(4, dtype=torch.float64), Grams()
    sums = MomentSum(), MomentSum()
    for _ in range(2):
        for total in sums:
            total.add(block, weights, grams)
    assert sum(len(known) for known in grams.found.values()) == 2  # inputs and outputs, once each
    true = moments(block, weights, Grams())
    for total in sums:
        torch.testing.assert_close(total.moments().columns, 2 * true.columns)


class Attention(nn.Module):
    """Query, key and value of the same tokens, by layers of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        attention = (self.q(x) @ self.k(x).mT).softmax(-1)
        return self.head((attention @ self.v(x)).mean(1))


def test_query_key_and_value_share_a_factor_and_its_eigenvectors(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, bases = [], []
    gram, basis = module._gram, module._basis
    monkeypatch.setattr(module, "_gram", lambda side, weights: taken.append(side.shape[3]) or gram(side, weights))
    monkeypatch.setattr(module, "_basis", lambda moment, parts: bases.append(moment.shape[1]) or basis(moment, parts))
    X = torch.randn(12, 6, 4, dtype=torch.float64)
    p = wf.Problem.of(Attention().double().eval(), wf.cross_entropy(), (X, torch.arange(12) % 3), batch_size=6)
    operator = wf.KFAC().fit(p)
    assert taken.count(5) == 2 and bases.count(5) == 1  # the four inputs and their column of ones: a product a batch, one basis
    assert isinstance(operator, BlockEigen) and operator.blocks[0].columns is operator.blocks[2].columns
    for name, eigen in zip(("q", "k", "v"), operator.blocks, strict=False):
        alone = wf.KFAC().fit(p.restricted(f"{name}.*"))
        assert isinstance(alone, BlockEigen)
        torch.testing.assert_close(eigen.values, alone.blocks[0].values)


def test_layers_whose_positions_differ_do_not_share() -> None:
    block, weights, grams = factored(4, 3, 5, 2), torch.ones(4, dtype=torch.float64), Grams()
    other = block.outputs.clone()
    other[:, 1] = 0  # nothing changes there
    first, second = moments(block, weights, grams), moments(Factored(block.inputs, other), weights, grams)
    torch.testing.assert_close(second.columns[0], torch.einsum("kti,ktj->ij", block.inputs[:, ::2], block.inputs[:, ::2]))
    assert second.positions == 8 < first.positions


def test_bases_are_orthonormal_and_carry_the_products_of_eigenvalues() -> None:
    found = moments(factored(20, 2, 4, 3), torch.ones(20, dtype=torch.float64), Grams())
    eigen = eigen_blocks([found])[0]
    assert eigen.rows is not None and eigen.columns is not None
    product = torch.kron(found.rows[0], found.columns[0]) / found.positions
    basis = torch.kron(eigen.rows[0], eigen.columns[0])
    torch.testing.assert_close(basis @ torch.diag(eigen.values.flatten()) @ basis.T, product)


def test_eigenvectors_that_single_precision_does_not_find_are_found_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.linalg.eigh

    def stubborn(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if matrix.dtype == torch.float32:
            raise RuntimeError("no convergence")
        return real(matrix)

    monkeypatch.setattr(torch.linalg, "eigh", stubborn)
    monkeypatch.setattr(module, "DOUBLE", 2)
    rows = torch.randn(3, 4)
    basis, values = module._basis((rows.T @ rows)[None], 1)
    assert basis is not None and basis.dtype == torch.float32
    torch.testing.assert_close(basis[0] @ values[0].diag() @ basis[0].T, rows.T @ rows)


def test_tiny_moments_have_eigenvectors_and_infinite_ones_are_refused() -> None:
    rows = torch.randn(3, 4, dtype=torch.float64)
    moment = (rows.T @ rows)[None]
    basis, values = module._basis((moment * 1e-41).float(), 1)
    assert basis is not None
    torch.testing.assert_close(basis[0] @ basis[0].T, torch.eye(4))
    torch.testing.assert_close(values.double() / 1e-41, torch.linalg.eigvalsh(moment).clamp_min(0), rtol=1e-2, atol=1e-2)
    with pytest.raises(wf.UsageError, match="not finite"):
        module._basis(moment * float("inf"), 1)
