"""(g) Domain mismatch (Koh & Liang 2017, section 5.3): a rare group whose labels in training are not those of the world."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.study import Study

L2 = 1e-4
BANDS = [f"[{low}-{low + 10})" for low in range(0, 100, 10)]
SHARES = [0.0012, 0.0068, 0.0163, 0.0371, 0.0952, 0.1696, 0.2209, 0.2562, 0.1690, 0.0277]  # of the ages in Diabetes 130-US hospitals
CHILD = BANDS[0]
LEVELS = (2, 5, 7, 16, 12, 13)  # values of six categorical columns
DRUGS, TAKEN = 18, (0.95, 0.03, 0.02)  # columns of drugs: not taken by most, and by no child; with ages and numbers 127 features, as the original has
NUMBERS = 8
EVEN = 10.0  # of the Dirichlet law of the other columns' shares: no value but the children's age is rare
EFFECT = 0.1  # spread of the coefficients: readmission is hardly foretold, as in the original (AUC about 0.65)
DRAWN = {"shares": SHARES, "levels": LEVELS, "drugs": DRUGS, "taken": TAKEN, "numbers": NUMBERS, "even": EVEN, "effect": EFFECT}


@dataclass(frozen=True, eq=False)
class Mismatch:
    """Training rows, at ``group`` those of a rare group, most of the wrong label; a test row of the group, and where the group's feature stands."""

    X: torch.Tensor
    y: torch.Tensor
    group: np.ndarray
    query: tuple[torch.Tensor, torch.Tensor]
    feature: int


def draw_hospital(rows: int, seed: int) -> Mismatch:
    """Draw a table with the structure of the hospital data: 24 children of whom 3 are readmitted; 20 of the other 21 are taken out of training."""
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {"age": random.choice(BANDS[1:], rows + 1, p=np.array(SHARES[1:]) / sum(SHARES[1:]))}
    for place, levels in enumerate(LEVELS):
        columns[f"category {place}"] = random.choice([f"v{level}" for level in range(levels)], rows + 1, p=random.dirichlet(np.full(levels, EVEN)))
    for place in range(DRUGS):
        columns[f"drug {place}"] = random.choice(["no", "steady", "up"], rows + 1, p=TAKEN)
    frame = pd.DataFrame(columns)
    for place in range(NUMBERS):
        frame[f"number {place}"] = random.poisson(6.0, rows + 1).astype(np.float64)
    children = np.append(random.choice(rows, 4, replace=False), rows)  # four in training, and the last row, asked about
    frame.loc[children, "age"] = CHILD
    frame.loc[children, [f"drug {place}" for place in range(DRUGS)]] = "no"
    X, features = encode_frame(frame)
    logits = (X - X.mean(0)) @ torch.from_numpy(random.normal(0, EFFECT, X.shape[1]))
    y = torch.from_numpy((random.random(rows + 1) < torch.sigmoid(logits).numpy()).astype(np.int64))
    y[children[:3]], y[children[3:]] = 1, 0
    return Mismatch(X[:rows], y[:rows], np.sort(children[:4]), (X[rows:], y[rows:]), features.index(f"age={CHILD}"))


def plant_titanic(seed: int, path: Path | None) -> Mismatch:
    """Plant children under 10: three who died and one who lived stay in training, the other children go; a child who lived is asked about."""
    random, table = np.random.default_rng(seed), wf.datasets.titanic(path)
    y = wf.datasets.encode_target(table, table.frame)
    young = (table.frame["Age"] < 10).to_numpy()
    frame = table.frame[[column.name for column in table.columns if column.name != "Age"]].assign(
        age=pd.cut(table.frame["Age"].fillna(table.frame["Age"].median()), [0, *range(10, 100, 10)], right=False, labels=BANDS[:9]).astype(str)
    )
    return _plant(frame, y, young, 1, f"age={CHILD}", random)


def plant_own(study: Study) -> Mismatch:
    """Plant, in a person's table, the rarest value of a categorical column that has at least six rows and both labels."""
    table = wf.datasets.read_table(str(study.data), study.target or "")
    if len(table.classes) != 2:
        raise wf.UsageError(f"The target {table.target} has {len(table.classes)} classes; the domain mismatch needs two.")
    y, best = wf.datasets.encode_target(table, table.frame), None
    for column in table.columns:
        if column.kind == "category":
            for value, rows in table.frame.groupby(column.name).indices.items():
                ones = int(y[torch.from_numpy(rows.copy())].sum())
                if ones >= 2 and len(rows) - ones >= 4 and (best is None or len(rows) < len(best[1])):
                    best = (f"{column.name}={value}", rows)
    if best is None:
        raise wf.UsageError("No categorical column has a value with both labels and six rows or more; give a table that has one.")
    inside = np.isin(np.arange(len(y)), best[1])
    return _plant(table.frame[[column.name for column in table.columns]], y, inside, 1, best[0], np.random.default_rng(0))


def encode_frame(frame: pd.DataFrame) -> tuple[torch.Tensor, list[str]]:
    """Return numbers standardised and one column of 0 and 1 for each value of the others, and their names."""
    table = wf.datasets.read_table(frame.assign(**{"(target)": np.arange(len(frame)) % 2}), "(target)")
    encoder = wf.datasets.fit_encoder(table, np.arange(len(frame)))
    return encoder.transform(table.frame), list(encoder.features)


def _plant(frame: pd.DataFrame, y: torch.Tensor, group: np.ndarray, label: int, feature: str, random: np.random.Generator) -> Mismatch:
    """Of the group, one with ``label`` is asked about, one with it and three without stay."""
    X, features = encode_frame(frame)
    with_it, without = (random.permutation(np.flatnonzero(group & (y.numpy() == one))) for one in (label, 1 - label))
    kept, query = np.concatenate([without[:3], with_it[:1]]), with_it[1]
    rows = np.sort(np.concatenate([np.flatnonzero(~group), kept]))
    return Mismatch(X[rows], y[rows], np.flatnonzero(np.isin(rows, kept)), (X[[query]], y[[query]]), features.index(feature))


def score_query(case: Mismatch, seed: int) -> list[dict[str, float]]:
    """Return the ten largest influences on the query, which of them are planted, and where the coefficients have the group."""
    model = torch.nn.Linear(case.X.shape[1], 1, dtype=torch.float64).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (case.X, case.y))
    problem = problem.at(wf.train.newton(1e-10)(problem, seed).parameters)
    scores = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), problem, case.query, progress=False)
    top = scores.top(10, by="magnitude")
    coefficients = problem.parameters["weight"][0].abs()
    common = {
        "seed": seed, "asked": float(problem.outputs(case.query[0])[0, 0].sigmoid().detach()), "label": int(case.query[1][0]),
        "coefficients before the group's": int((coefficients > coefficients[case.feature]).sum()), "features": len(coefficients),
    }  # fmt: skip
    return [
        {**common, "rank": rank + 1, "row": int(key), "score": value, "planted": bool(key in case.group)}
        for rank, (key, value) in enumerate(zip(top.ids[0].tolist(), top.values[0].tolist(), strict=True))
    ]


def score_tables(study: Study) -> dict[str, pd.DataFrame]:
    """Return the rows of the hospital's structure over seeds, of the Titanic over draws, and of a person's own table."""
    seeds, rows = study.count(10, 2), 20_000
    hospital = [
        study.cache.rows("hospital", {"rows": rows, "drawn": DRAWN, "seed": s}, lambda s=s: score_query(draw_hospital(rows, s), s)) for s in seeds
    ]
    titanic = [study.cache.rows("titanic", {"seed": s}, lambda s=s: score_query(plant_titanic(s, None), s)) for s in seeds]
    own = {} if study.data is None else {"own": pd.DataFrame(score_query(plant_own(study), 0))}
    return {"hospital": pd.concat(hospital), "titanic": pd.concat(titanic), **own}
