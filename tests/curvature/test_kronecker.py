"""K-FAC and EK-FAC against references of their own: factors by hooks, eigenvalues by written-out gradients, one example at a time."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.layers import CASES, layer_problem
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.curvature import BlockEigen
from wherefrom.curvature.draws import drawn_targets

KINDS = [wf.KFAC(), wf.EKFAC(), wf.KFAC(samples=None), wf.EKFAC(samples=None)]


def drawn_problem(p: wf.Problem) -> wf.Problem:
    """The same with the targets that seed 0 draws, as data."""
    batch = reference.whole(p)
    targets = drawn_targets(p, p.outputs(batch.inputs).detach(), batch, 0, 0)
    return wf.Problem.of(p.model, p.objective, (batch.inputs, targets), ids=p.ids, weights=p.weights).at(p.state)


def fitted(curvature: wf.curvature.Curvature, p: wf.Problem) -> BlockEigen:
    operator = curvature.fit(p)
    assert isinstance(operator, BlockEigen)
    return operator


def network(seed: int) -> wf.Problem:
    torch.manual_seed(seed)
    widths = torch.randint(2, 6, (3,)).tolist()
    model = nn.Sequential(nn.Linear(3, widths[0]), nn.Tanh(), nn.Linear(widths[0], widths[1]), nn.ReLU(), nn.Linear(widths[1], 1 + widths[2]))
    X = torch.randn(20, 3, dtype=torch.float64)
    return wf.Problem.of(model.double().eval(), wf.cross_entropy(), (X, torch.randint(1 + widths[2], (20,))))


def of_blocks(operator: BlockEigen, matrix: Tensor) -> Tensor:
    """The part of a matrix that lies in the layers' diagonal blocks."""
    places = operator.layout.split(torch.arange(operator.size, dtype=torch.float64)[None])
    owner = torch.zeros(operator.size)
    for number, block in enumerate(operator.layout.blocks):
        for name in block.names:
            owner[places[name].flatten().long()] = number
    return matrix * (owner[:, None] == owner)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", list(CASES))
def test_eigenvalues_are_those_of_written_out_gradients_in_an_orthonormal_basis(name: str) -> None:
    p = layer_problem(name)
    operator = fitted(wf.EKFAC(), p)
    rows = operator.layout.rows(reference.gradients(drawn_problem(p)))
    for eigen, block in zip(operator.blocks, rows.blocks, strict=True):
        for basis in (eigen.rows, eigen.columns):
            if basis is not None:
                torch.testing.assert_close(basis.mT @ basis, torch.eye(basis.shape[1], dtype=basis.dtype).expand_as(basis))
        matrices = block.dense().reshape(len(p), *eigen.values.shape)
        turned = matrices if eigen.rows is None else eigen.rows.mT @ matrices
        turned = turned if eigen.columns is None else turned @ eigen.columns
        torch.testing.assert_close(eigen.values, (turned.square() * p.weights[:, None, None, None]).sum(0) / p.normaliser, atol=1e-10, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["mlp", "linear over a sequence", "conv2d, two groups", "embedding", "transposed conv2d", "table tied to the last layer"]
)
@pytest.mark.parametrize("curvature", KINDS, ids=repr)
def test_the_operator_is_one_symmetric_semidefinite_matrix_for_any_batch(name: str, curvature: wf.curvature.Curvature) -> None:
    p = layer_problem(name)
    matrix = fitted(curvature, p).dense()
    raw = fitted(curvature, p) @ torch.eye(p.size, dtype=p.dtype)
    torch.testing.assert_close(raw, raw.T)
    assert torch.linalg.eigvalsh(matrix)[0] >= -1e-9 * matrix.norm()
    assert fitted(curvature, p).mean_eigenvalue() == pytest.approx(float(matrix.diagonal().mean()))
    for size in (1, 7, 64):
        torch.testing.assert_close(fitted(curvature, replace(p, batch_size=size)).dense(), matrix, atol=1e-10, rtol=1e-7)


def test_factors_are_those_of_hooks_on_single_examples() -> None:
    p = network(3)
    twin, sides = drawn_problem(p), {}
    for row in range(len(p)):
        x, target = (leaf[row : row + 1] for leaf in (reference.whole(twin).inputs, reference.whole(twin).targets))
        outputs, handles = {}, []
        for path, module in p.model.named_modules():
            if isinstance(module, nn.Linear):

                def seen(_: nn.Module, given: Any, out: Tensor, path: str = path, outputs: dict[str, Any] = outputs) -> None:
                    outputs[path] = (given[0], out)

                handles.append(module.register_forward_hook(seen))
        loss = p.objective.loss(p.model(x), target).sum()
        changes = torch.autograd.grad(loss, [out for _, out in outputs.values()])
        for (path, (a, _)), d in zip(outputs.items(), changes, strict=True):
            a = torch.cat([a.detach(), torch.ones(1, 1, dtype=a.dtype)], 1)
            A, S = sides.get(path, (0, 0))
            sides[path] = (A + a.T @ a / len(p), S + d.T @ d / len(p))
        for handle in handles:
            handle.remove()
    operator = fitted(wf.KFAC(), p)
    for eigen, (A, S) in zip(operator.blocks, sides.values(), strict=True):
        assert eigen.rows is not None and eigen.columns is not None
        found = torch.einsum("aj,bk,jk,cj,dk->abcd", eigen.rows[0], eigen.columns[0], eigen.values[0], eigen.rows[0], eigen.columns[0])
        torch.testing.assert_close(found, torch.einsum("ac,bd->abcd", S, A))


@pytest.mark.parametrize("seed", range(20))
def test_measured_eigenvalues_are_no_further_from_the_fisher_than_products(seed: int) -> None:
    p = network(seed)
    true = reference.gradients(drawn_problem(p))
    fisher = true.T @ true / len(p)
    errors = [(of_blocks(operator, fisher) - operator.dense()).norm() for operator in (fitted(wf.EKFAC(), p), fitted(wf.KFAC(), p))]
    assert errors[0] <= errors[1] * (1 + 1e-9) + 1e-12 * fisher.norm()  # where both are exact, rounding decides


def test_exact_where_the_gradient_has_one_row_or_one_output() -> None:
    for name in ("layer norm, no bias", "rms norm", "prelu per channel"):
        p = layer_problem(name)
        torch.testing.assert_close(fitted(wf.EKFAC(samples=None), p).dense(), reference.gauss_newton(p), atol=1e-9, rtol=1e-6)
    for name in ("ridge", "ridge with weights"):
        p = problem(name).problem
        for curvature in (wf.KFAC(samples=None), wf.EKFAC(samples=None)):
            torch.testing.assert_close(fitted(curvature, p).dense(), reference.gauss_newton(p))


def test_exact_where_inputs_and_output_gradients_are_independent() -> None:
    X = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], dtype=torch.float64)
    model = nn.Linear(2, 3).double().eval()
    with torch.no_grad():
        model.weight.zero_()  # every example is given the same chances
    p = wf.Problem.of(model, wf.cross_entropy(), (X, torch.arange(3)))
    for curvature in (wf.KFAC(samples=None), wf.EKFAC(samples=None)):
        torch.testing.assert_close(fitted(curvature, p).dense(), reference.gauss_newton(p), atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("inputs", [(2,), (3, 2)], ids=["rows", "sequences"])
def test_entries_keep_their_places_with_and_without_bias_and_over_positions(bias: bool, inputs: tuple[int, ...]) -> None:
    """dattri 0.3.0 flattens weight and bias together and takes eigenvectors as rows; 3-D inputs end it. pyDVL 0.10 supposes a bias always."""
    X = torch.randn(30, *inputs, dtype=torch.float64) * torch.tensor([3.0, 0.1])
    model = nn.Sequential(nn.Linear(2, 3, bias=bias), nn.Flatten()).double().eval()
    with torch.no_grad():
        nn.init.zeros_(model[0].weight)  # every example is given the same chances, so that factors are independent
    p = wf.Problem.of(model, wf.cross_entropy(l2=0.1), (X[:, :1] if X.dim() == 3 else X, torch.arange(30) % 3))
    true = reference.gauss_newton(p)
    for curvature in (wf.KFAC(samples=None), wf.EKFAC(samples=None)):
        torch.testing.assert_close(fitted(curvature, p).dense(), true, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("strength", [0.0, 0.3, 10.0])
def test_the_trace_is_that_of_the_true_fisher_at_any_strength_of_logits(strength: float) -> None:
    """pyDVL 0.10 has 0 at uniform chances, 0.05 at weak logits and 0.16 to 0.52 at strong ones: its pseudo-loss leaves out random signs."""
    p = network(7)
    p = p.at({name: strength * value if name.startswith("4.") else value for name, value in p.state.items()})
    true = of_blocks(fitted(wf.EKFAC(samples=None), p), reference.gauss_newton(p))
    assert float(fitted(wf.EKFAC(samples=None), p).dense().trace()) == pytest.approx(float(true.trace()))
    drawn = fitted(wf.EKFAC(samples=200), p).dense().trace()
    assert float(drawn) == pytest.approx(float(true.trace()), rel=0.1)


def test_more_samples_come_nearer_to_the_sum_over_outputs() -> None:
    p = network(5)
    exact = fitted(wf.KFAC(samples=None), p).dense()
    few, many = ((fitted(wf.KFAC(samples=samples), p).dense() - exact).norm() for samples in (1, 400))
    assert many < 0.2 * few


def test_the_penalty_is_part_of_it() -> None:
    p = network(1)
    plain, added = fitted(wf.EKFAC(), p).dense(), replace(p, objective=wf.cross_entropy(l2=0.3))
    torch.testing.assert_close(fitted(wf.EKFAC(), added).dense(), plain + 0.3 * torch.eye(p.size, dtype=p.dtype))
    uneven = fitted(wf.EKFAC(), replace(p, objective=wf.cross_entropy(l2={"*.weight": 0.3}))).dense()
    assert float((uneven - plain).trace()) == pytest.approx(0.3 * sum(value.numel() for name, value in p.parameters.items() if "weight" in name))


def test_default_damping_is_a_tenth_of_each_layers_mean_eigenvalue() -> None:
    p = network(2)
    operator = fitted(wf.EKFAC(), p)
    column, matrix = operator.default_damping()[:, 0], operator.dense()
    places = operator.layout.split(torch.arange(p.size, dtype=torch.float64)[None])
    for block in operator.layout.blocks:
        own = torch.cat([places[name].flatten().long() for name in block.names])
        torch.testing.assert_close(column[own], 0.1 * matrix.diagonal()[own].mean().expand(len(own)))


def test_a_layer_without_curvature_is_damped_by_the_mean_of_all_and_none_at_all_is_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)).double().eval()
    with torch.no_grad():
        model[1].weight.zero_()
    X = torch.randn(6, 2, dtype=torch.float64)
    p = wf.Problem.of(model, wf.cross_entropy(), (X, torch.arange(6) % 2))
    operator = fitted(wf.EKFAC(), p)
    assert (operator.default_damping() > 0).all() and (operator.blocks[0].values == 0).all()
    scores = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())), p, (X, torch.arange(6) % 2))
    assert torch.isfinite(scores.values).all()
    with pytest.raises(wf.UsageError, match="give damping= yourself"):
        fitted(wf.EKFAC(), p.restricted("0.*")).default_damping()


def test_padding_is_left_out_of_sequences() -> None:
    p = problem("sequence in a dictionary").problem
    batch = reference.whole(p)
    tokens = batch.inputs["tokens"].clone()
    tokens[batch.inputs["mask"] == 0] = 1e3  # whatever stands there
    other = wf.Problem.of(p.model, p.objective, {"tokens": tokens, "mask": batch.inputs["mask"], "labels": batch.targets})
    torch.testing.assert_close(fitted(wf.KFAC(), other).dense(), fitted(wf.KFAC(), p).dense())


def test_groups_of_a_convolution_have_bases_of_their_own() -> None:
    assert any(len(eigen.values) == 2 for eigen in fitted(wf.EKFAC(), layer_problem("conv2d, two groups")).blocks)


@pytest.mark.parametrize("curvature", [wf.KFAC, wf.EKFAC])
def test_long_sides_keep_their_diagonal_and_say_so(curvature: type[wf.KFAC] | type[wf.EKFAC]) -> None:
    """Of the other side nothing changes, and the eigenvalues are those of the rows in that basis."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 9)).double().eval()
    p = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(40, 4).double(), torch.arange(40) % 9))
    with pytest.warns(UserWarning, match="'2.weight' has a side of 9: .*diagonal alone.*longest="):
        found = fitted(curvature(longest=8), p)
    whole = fitted(curvature(), p)
    blocks, others = found.blocks, whole.blocks  # type: ignore[attr-defined]
    assert blocks[1].rows is None and torch.equal(blocks[1].columns, others[1].columns)
    assert torch.equal(blocks[0].values, others[0].values)
    torch.testing.assert_close(blocks[1].values.sum(), others[1].values.sum())
