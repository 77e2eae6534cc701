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
from wherefrom_studies.findings import Bar, Figure, Findings, Number, mean_of
from wherefrom_studies.pictures import curves
from wherefrom_studies.study import Study

L2, FLIPPED, TRAIN = 1e-4, 0.1, 4137
CHECKED = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30)
RANKINGS = ("influence", "loss", "random")
PUBLISHED = {"fixed": {0.10: 0.62, 0.30: 0.856}, "accuracy": {0.10: 0.955, 0.30: 0.972}}  # read off the original's figure 6


@dataclass(frozen=True, eq=False)
class Mails:
    """Words of the training and test mails, and whether each is spam."""

    X: csr_matrix
    y: np.ndarray
    X_test: csr_matrix
    y_test: np.ndarray


def words(binary: bool, limit: int | None) -> Mails:
    """Counts (or presence) of words in five mails or more, and spam or not: training, then test."""
    mails = wf.datasets.enron1()
    order = np.random.default_rng(0).permutation(len(mails.texts))[:limit]
    train = TRAIN if limit is None else round(0.8 * limit)
    X, _ = wf.datasets.bag_of_words([mails.texts[place] for place in order], min_count=5, binary=binary)
    sparse, y = csr_matrix(X.double().numpy()), mails.y[order].numpy()
    return Mails(sparse[:train], y[:train], sparse[train:], y[train:])


def narrowed(X: csr_matrix) -> np.ndarray:
    """Rows (n, n) with the same inner products, L of X Xᵀ + ε I = L Lᵀ: logistic regression with l2 cannot tell them apart."""
    gram = (X @ X.T).toarray()
    gram[np.diag_indices_from(gram)] += 1e-9 * gram.diagonal().mean()  # mails that are there twice make it singular
    return np.linalg.cholesky(gram)


def logistic(X: csr_matrix, y: np.ndarray) -> np.ndarray:
    """The weights (no bias) that minimise the mean loss + l2/2 ‖θ‖²."""
    fitted = LogisticRegression(C=1 / (len(y) * L2), fit_intercept=False, tol=1e-5, max_iter=5000, solver="lbfgs").fit(X, y)
    return fitted.coef_[0]


def ranked(X: np.ndarray, y: np.ndarray, outputs: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The order in which each ranking looks at the mails, of the model with these outputs."""
    weights = solve_triangular(X, outputs, lower=True)
    model = torch.nn.Linear(X.shape[1], 1, bias=False, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (torch.from_numpy(X), torch.from_numpy(y)))
    problem = problem.at({"weight": torch.from_numpy(weights)[None]})
    own = wf.self_influence(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), problem, progress=False)
    loss = wf.self_influence(wf.methods.LossScores(), problem, progress=False)
    suspicion = {"influence": own, "loss": loss}
    orders = {name: (-values).argsort(stable=True).numpy() for name, values in suspicion.items()}
    return {**orders, "random": np.random.default_rng(seed + 1000).permutation(len(y))}


def one_seed(mails: Mails, narrow: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Flip a tenth, look at the first of each ranking, put right what was flipped, train again."""
    X, y = mails.X, mails.y
    flipped = np.random.default_rng(seed).choice(len(y), round(FLIPPED * len(y)), replace=False)
    wrong = y.copy()
    wrong[flipped] = 1 - y[flipped]

    def accuracy(labels: np.ndarray) -> float:
        return float(((mails.X_test @ logistic(X, labels) > 0) == (mails.y_test == 1)).mean())

    orders = ranked(narrow, wrong, X @ logistic(X, wrong), seed)
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


def measured(cache: Cache, form: str, limit: int | None, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Every seed of one form of the words."""
    data: Mails | None = None
    narrow: np.ndarray | None = None
    tables = []
    for seed in wf.progress.track(seeds, f"labels, {form}", len(seeds)):

        def work(seed: int = seed) -> list[dict[str, Any]]:
            nonlocal data, narrow
            if data is None or narrow is None:
                data = words(form == "presence", limit)
                narrow = narrowed(data.X)
            return one_seed(data, narrow, seed)

        tables.append(cache.rows("labels", {"form": form, "mails": limit, "seed": seed}, work))
    return pd.concat(tables, ignore_index=True).assign(words=form)


def labels(study: Study) -> Findings:
    """Both forms of the words, by influence, loss and chance."""
    seeds, limit = study.count(10, 2), study.either(None, 1200)
    tables = {form: measured(study.cache, form, limit, seeds) for form in ("presence", "counts")}
    numbers = {name: number for form, table in tables.items() for name, number in _numbers(form, table).items()}
    drawn = pd.concat([_drawn(table, form) for form, table in tables.items()], ignore_index=True)
    axes = {"panels": "words", "x_title": "mails looked at (%)", "width": 190}
    figures = {
        "labels fixed": Figure(
            curves(drawn[drawn["what"] == "fixed"], "checked", "mean", "ranking", y_title="share of the flipped labels found", **axes),
            "Enron1 with 10 % of the labels flipped: the share of them among the mails looked at first; means over seeds, 95 % intervals.",
        ),
        "labels accuracy": Figure(
            curves(drawn[drawn["what"] == "accuracy"], "checked", "mean", "ranking", y_title="test accuracy", **axes),
            "Test accuracy once the flipped labels among the mails looked at first are put right.",
        ),
    }
    bars = tuple(
        Bar(f"labels/{form}/{name}", at_least=least, source=source)
        for form, fixed, later, accuracy in (("presence", 0.60, 0.90, 0.965), ("counts", 0.55, 0.87, 0.958))
        for name, least, source in (
            ("influence/fixed at 10 %", fixed, "the paper, lemmatised counts: 0.62"),
            ("influence/fixed at 30 %", later, "the paper: 0.856"),
            ("influence/accuracy at 30 %", accuracy, "the paper: 0.972"),
            ("lead over loss at 10 %", 0.08, "the paper: 0.10"),
        )
    )
    said = tuple(
        f"By {form}, influence finds {{labels/{form}/influence/fixed at 10 %}} of the flipped labels in the first tenth of the mails and "
        f"{{labels/{form}/influence/fixed at 30 %}} in the first 30 %, loss {{labels/{form}/loss/fixed at 10 %}} and "
        f"{{labels/{form}/loss/fixed at 30 %}}, chance {{labels/{form}/random/fixed at 10 %}}; test accuracy rises from "
        f"{{labels/{form}/accuracy flipped}} to {{labels/{form}/influence/accuracy at 30 %}}."
        for form in tables
    )
    everything = pd.concat(tables.values(), ignore_index=True)
    return Findings({"labels, each seed": everything, "labels, means over seeds": drawn}, figures, numbers, said, bars, replaced=(REPLACED,))


REPLACED = (
    "The original lemmatises the mails with spaCy and drops stop words; here a word is a run of two or more letters or digits in lower case, by "
    "presence and by counts, in five mails or more."
)


def _numbers(form: str, table: pd.DataFrame) -> dict[str, Number]:
    """Means over seeds at 10 and 30 % looked at, the lead over loss, and the accuracy before and at best."""
    numbers = {}
    for name, of in (("none", "accuracy flipped"), ("all right", "accuracy all right")):
        rows = table[table["ranking"] == name]
        numbers[f"labels/{form}/{of}"] = mean_of(of, rows["accuracy"], rows["seed"], bounds=(0, 1))
    for share in (0.10, 0.30):
        at = table[np.isclose(table["checked"], share)]
        for name, rows in at.groupby("ranking"):
            for what in ("fixed", "accuracy"):
                original = PUBLISHED[what][share] if name == "influence" else None
                numbers[f"labels/{form}/{name}/{what} at {share:.0%}".replace("%", " %")] = mean_of(what, rows[what], rows["seed"], original, (0, 1))
        if share == 0.10:
            by = at.pivot(index="seed", columns="ranking", values="fixed")
            numbers[f"labels/{form}/lead over loss at 10 %"] = mean_of("lead", by["influence"] - by["loss"], by.index.tolist(), 0.103)
    return numbers


def _drawn(table: pd.DataFrame, form: str) -> pd.DataFrame:
    """Mean and interval of each ranking at each share looked at."""
    rows = []
    for (name, share), part in table[table["ranking"].isin(RANKINGS)].groupby(["ranking", "checked"]):
        for what in ("fixed", "accuracy"):
            found = mean_of(what, part[what], part["seed"], bounds=(0, 1)).estimate
            shared = {"words": form, "ranking": name, "checked": round(100 * float(str(share)))}
            rows.append({**shared, "what": what, "mean": found.value, "low": found.low, "high": found.high})
    return pd.DataFrame(rows)
