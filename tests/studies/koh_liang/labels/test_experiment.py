"""Labels: narrowed rows have the same model and influence, and influence finds flipped labels before loss and chance do."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix

import wherefrom as wf
from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang.labels import LABELS
from wherefrom_studies.koh_liang.labels.experiment import L2, fit_logistic, narrow_rows, rank_mails


def test_narrowed_rows_have_the_same_self_influence() -> None:
    random = np.random.default_rng(0)
    X, y = random.poisson(0.3, (30, 80)).astype(float), np.arange(30) % 2
    X[1] = X[0]  # a mail that is there twice
    narrow, weights = narrow_rows(csr_matrix(X)), fit_logistic(csr_matrix(X), y)
    assert np.allclose(narrow @ narrow.T, X @ X.T, atol=1e-6)
    own = []
    for rows, theta in ((X, weights), (narrow, solve_triangular(narrow, X @ weights, lower=True))):
        model = torch.nn.Linear(rows.shape[1], 1, bias=False, dtype=torch.float64).eval()
        problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (torch.from_numpy(rows), torch.from_numpy(y)))
        problem = problem.at({"weight": torch.from_numpy(theta)[None]})
        own.append(wf.self_influence(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), problem))
    assert torch.allclose(own[0], own[1], rtol=1e-3)
    assert set(rank_mails(narrow, y, X @ weights, 0)) == {"influence", "loss", "random"}


def test_influence_finds_more_than_loss_and_chance(run_part: Callable[..., Findings]) -> None:
    found = run_part(LABELS)
    for form in ("presence", "counts"):
        by = {name: found.value(f"labels/{form}/{name}/fixed at 30 %") or 0 for name in ("influence", "loss", "random")}
        assert by["influence"] > by["loss"] > by["random"] + 0.2 and by["influence"] > 0.75
        lead = found.value(f"labels/{form}/lead over loss at 10 %")
        assert lead is not None and lead > 0.03
        better, flipped = found.value(f"labels/{form}/influence/accuracy at 30 %"), found.value(f"labels/{form}/accuracy flipped")
        assert better is not None and flipped is not None and better > flipped + 0.03
