"""(i) How (h) moves with the initialisation: wrong labels among Enron1's mails, found by a network from several starts and over several flips."""

from typing import Any

import numpy as np
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.koh_liang.labels import FLIPPED, L2, words

WORDS, HIDDEN, EPOCHS, RATE = 1000, 16, 5, 2e-3
SHARES = (0.10, 0.30)


def found(start: int, flips: int, limit: int | None) -> list[dict[str, Any]]:
    """The share of the flipped labels among the mails that self-influence by EK-FAC, or the loss, looks at first."""
    mails = words(True, limit)
    common = np.sort(np.argsort(-np.asarray(mails.X.sum(0)).ravel(), kind="stable")[:WORDS])
    X, X_test = (torch.from_numpy(one[:, common].toarray()).float() for one in (mails.X, mails.X_test))
    flipped = np.random.default_rng(flips).choice(len(mails.y), round(FLIPPED * len(mails.y)), replace=False)
    wrong = mails.y.copy()
    wrong[flipped] = 1 - wrong[flipped]
    model = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (X, torch.from_numpy(wrong)))
    problem = problem.at(wf.train.adam(EPOCHS, RATE, batch_size=64)(problem, start).parameters)
    with torch.no_grad():
        right = float(((problem.outputs(X_test)[:, 0] > 0).numpy() == (mails.y_test == 1)).mean())
    methods = {"influence": wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())), "loss": wf.methods.LossScores()}
    rows = []
    for name, method in methods.items():
        order = wf.self_influence(method, problem, progress=False).argsort(descending=True, stable=True).numpy()
        shares = {f"fixed at {share:.0%}": float(np.isin(flipped, order[: round(share * len(order))]).mean()) for share in SHARES}
        rows.append({"start": start, "flips": flips, "ranking": name, "accuracy": right, **shares})
    return rows
