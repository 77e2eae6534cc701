"""(h) Fixing labels (Koh & Liang 2017, section 5.4): which of Enron1's mails to look at first, when a tenth of the labels is wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.study import Study

L2, FLIPPED, TRAIN = 1e-4, 0.1, 4137
CHECKED = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30)
RANKINGS = ("influence", "loss", "random")
FORMS = ("presence", "counts")  # of the words


@dataclass(frozen=True, eq=False)
class Mails:
    """Words of the training and test mails, and whether each is spam."""

    X: csr_matrix
    y: np.ndarray
    X_test: csr_matrix
    y_test: np.ndarray


def count_words(binary: bool, limit: int | None) -> Mails:
    """Return counts (or presence) of words in five mails or more, and spam or not: training, then test."""
    mails = wf.datasets.enron1()
    order = np.random.default_rng(0).permutation(len(mails.texts))[:limit]
    train = TRAIN if limit is None else round(0.8 * limit)
    X, _ = wf.datasets.bag_of_words([mails.texts[place] for place in order], min_count=5, binary=binary)
    sparse, y = csr_matrix(X.double().numpy()), mails.y[order].numpy()
    return Mails(sparse[:train], y[:train], sparse[train:], y[train:])


def narrow_rows(X: csr_matrix) -> np.ndarray:
    """Return rows (n, n) with the same inner products, L of X Xᵀ + ε I = L Lᵀ: logistic regression with l2 cannot tell them apart."""
    gram = (X @ X.T).toarray()
    gram[np.diag_indices_from(gram)] += 1e-9 * gram.diagonal().mean()  # mails that are there twice make it singular
    return np.linalg.cholesky(gram)


def fit_logistic(X: csr_matrix, y: np.ndarray) -> np.ndarray:
    """Return the weights (no bias) that minimise the mean loss + l2/2 ‖θ‖²."""
    fitted = LogisticRegression(C=1 / (len(y) * L2), fit_intercept=False, tol=1e-5, max_iter=5000, solver="lbfgs").fit(X, y)
    return fitted.coef_[0]


def rank_mails(X: np.ndarray, y: np.ndarray, outputs: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return the order in which each ranking looks at the mails, of the model with these outputs."""
    weights = solve_triangular(X, outputs, lower=True)
    model = torch.nn.Linear(X.shape[1], 1, bias=False, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (torch.from_numpy(X), torch.from_numpy(y)))
    problem = problem.at({"weight": torch.from_numpy(weights)[None]})
    own = wf.self_influence(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), problem, progress=False)
    loss = wf.self_influence(wf.methods.LossScores(), problem, progress=False)
    suspicion = {"influence": own, "loss": loss}
    orders = {name: (-values).argsort(stable=True).numpy() for name, values in suspicion.items()}
    return {**orders, "random": np.random.default_rng(seed + 1000).permutation(len(y))}


def fix_seed(mails: Mails, narrow: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Flip a tenth, look at the first of each ranking, put right what was flipped, train again."""
    X, y = mails.X, mails.y
    flipped = np.random.default_rng(seed).choice(len(y), round(FLIPPED * len(y)), replace=False)
    wrong = y.copy()
    wrong[flipped] = 1 - y[flipped]

    def accuracy(labels: np.ndarray) -> float:
        return float(((mails.X_test @ fit_logistic(X, labels) > 0) == (mails.y_test == 1)).mean())

    orders = rank_mails(narrow, wrong, X @ fit_logistic(X, wrong), seed)
    rows = [{"seed": seed, "ranking": "none", "checked": 0.0, "fixed": 0.0, "accuracy": accuracy(wrong)}]
    rows += [{"seed": seed, "ranking": "all right", "checked": 0.0, "fixed": 1.0, "accuracy": accuracy(y)}]
    for name, order in orders.items():
        for share in CHECKED:
            looked = order[: round(share * len(y))]
            labels = wrong.copy()
            labels[looked] = y[looked]
            found = float(np.isin(flipped, looked).mean())
            rows.append({"seed": seed, "ranking": name, "checked": share, "fixed": found, "accuracy": accuracy(labels)})
    return rows


def fix_seeds(cache: Cache, form: str, limit: int | None, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return every seed of one form of the words."""
    data: Mails | None = None
    narrow: np.ndarray | None = None
    tables = []
    for seed in wf.progress.track(seeds, f"labels, {form}", len(seeds)):

        def work(seed: int = seed) -> list[dict[str, Any]]:
            nonlocal data, narrow
            if data is None or narrow is None:
                data = count_words(form == "presence", limit)
                narrow = narrow_rows(data.X)
            return fix_seed(data, narrow, seed)

        tables.append(cache.rows("labels", {"form": form, "mails": limit, "seed": seed}, work))
    return pd.concat(tables, ignore_index=True).assign(words=form)


def fix_labels(study: Study) -> pd.DataFrame:
    """Return every seed of both forms of the words, by influence, loss and chance."""
    seeds, limit = study.count(10, 2), study.either(None, 1200)
    return pd.concat([fix_seeds(study.cache, form, limit, seeds) for form in FORMS], ignore_index=True)
