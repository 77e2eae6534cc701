"""The terms of influence: the whole is its closed form, each dropped term is the one that is gone, and only the whole foretells retraining."""

from collections.abc import Callable

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang.terms import TERMS
from wherefrom_studies.koh_liang.terms.experiment import FLAT, L2, LOSSLESS, NEAR, PRODUCT, WHOLE, score_forms


def test_each_form_is_its_closed_form() -> None:
    X, y = torch.rand(30, 5, dtype=torch.float64), torch.arange(30) % 2
    Z, t = torch.rand(4, 5, dtype=torch.float64), torch.tensor([0, 1, 1, 0])
    model = torch.nn.Linear(5, 1, bias=False, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (X, y))
    problem = problem.at(wf.train.newton(1e-12)(problem, 0).parameters)
    asked = wf.Examples.of((Z, t))
    found = score_forms(problem, X, y, asked)
    theta = problem.parameters["weight"][0]
    p = (X @ theta).sigmoid()
    s, s_t = p - y, (Z @ theta).sigmoid() - t
    H = X.T @ (X * (p * (1 - p))[:, None]) / 30 + L2 * torch.eye(5)
    signs = s.sign() * s_t[:, None]
    expected = {
        WHOLE: s * s_t[:, None] * (Z @ torch.linalg.solve(H, X.T)) / 30,
        LOSSLESS: signs * (Z @ torch.linalg.solve(H, X.T)) / 30,
        FLAT: s * s_t[:, None] * (Z @ X.T),
        PRODUCT: signs * (Z @ X.T),
        NEAR: -(Z[:, None] - X).norm(dim=2),
    }
    assert found.keys() == expected.keys() and bool((found[NEAR] <= 0).all())
    for form, values in expected.items():
        torch.testing.assert_close(found[form], values, atol=1e-9, rtol=1e-6)
    exact = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), problem, asked, progress=False).values
    torch.testing.assert_close(found[WHOLE], exact)


def test_of_all_forms_the_whole_foretells_retraining(run_part: Callable[..., Findings]) -> None:
    found = run_part(TERMS)
    r = {form: found.value(f"terms/{form}/pearson") or 0 for form in (LOSSLESS, FLAT, PRODUCT, NEAR)}
    whole, signs = found.value(f"terms/{WHOLE}/pearson"), found.value(f"terms/{WHOLE}/sign")
    assert whole is not None and whole > 0.98 and signs == 1 and max(r.values()) < 0.8 and r[NEAR] < 0.3
    (table,) = found.tables.values()
    assert table["query"].nunique() == 3 and np.isfinite(table.select_dtypes("number")).all(axis=None)
    assert (table[table["alike"]][PRODUCT] > 0).all() and (table[~table["alike"]][PRODUCT] < 0).all(), "pixels are never negative"
