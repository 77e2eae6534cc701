"""(i) How (h) moves with the initialisation: wrong labels among Enron1's mails, found by a network from several starts and over several flips."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.koh_liang.labels.experiment import FLIPPED, L2, count_words
from wherefrom_studies.study import Study

WORDS, HIDDEN, EPOCHS, RATE = 1000, 16, 5, 2e-3
SHARES = (0.10, 0.30)
RANKINGS = INFLUENCE, LOSS = "influence", "loss"


def find_flipped(start: int, flips: int, limit: int | None) -> list[dict[str, Any]]:
    """Return the share of the flipped labels among the mails that self-influence by EK-FAC, or the loss, looks at first."""
    mails = count_words(True, limit)
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
    methods = {INFLUENCE: wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())), LOSS: wf.methods.LossScores()}
    rows = []
    for name, method in methods.items():
        order = wf.self_influence(method, problem, progress=False).argsort(descending=True, stable=True).numpy()
        shares = {f"fixed at {share:.0%}": float(np.isin(flipped, order[: round(share * len(order))]).mean()) for share in SHARES}
        rows.append({"start": start, "flips": flips, "ranking": name, "accuracy": right, **shares})
    return rows


def search_starts(study: Study) -> pd.DataFrame:
    """Return what is found over starts, and over flips at the first start."""
    seeds, limit = study.count(5, 2), study.either(None, 600)
    cells = [(start, 0) for start in seeds] + [(0, draw) for draw in seeds if draw]
    parts: list[pd.DataFrame] = []
    for start, draw in wf.progress.track(cells, "starts, labels", len(cells)):
        asked = {"start": start, "flips": draw, "limit": limit}
        parts.append(study.cache.rows("starts_labels", asked, lambda asked=asked: find_flipped(**asked)))
    return pd.concat(parts, ignore_index=True)
