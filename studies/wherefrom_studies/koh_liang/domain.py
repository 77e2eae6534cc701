"""(g) Domain mismatch (Koh & Liang 2017, section 5.3): a rare group whose labels in training are not those of the world."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, median_of, share_of, single
from wherefrom_studies.pictures import bars
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
    """Training rows that hold ``kept`` of a rare group, most of the wrong label, a test row of the group, and where the group's feature stands."""

    X: torch.Tensor
    y: torch.Tensor
    kept: np.ndarray
    query: tuple[torch.Tensor, torch.Tensor]
    feature: int


def hospital(rows: int, seed: int) -> Mismatch:
    """A table with the structure of the hospital data: 24 children of whom 3 are readmitted; 20 of the other 21 are taken out of training."""
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
    X, features = encoded(frame)
    logits = (X - X.mean(0)) @ torch.from_numpy(random.normal(0, EFFECT, X.shape[1]))
    y = torch.from_numpy((random.random(rows + 1) < torch.sigmoid(logits).numpy()).astype(np.int64))
    y[children[:3]], y[children[3:]] = 1, 0
    return Mismatch(X[:rows], y[:rows], np.sort(children[:4]), (X[rows:], y[rows:]), features.index(f"age={CHILD}"))


def titanic(seed: int, path: Path | None) -> Mismatch:
    """Children under 10: three who died and one who lived stay in training, the other children go; a child who lived is asked about."""
    random, table = np.random.default_rng(seed), wf.datasets.titanic(path)
    y = wf.datasets.encode_target(table, table.frame)
    young = (table.frame["Age"] < 10).to_numpy()
    frame = table.frame[[column.name for column in table.columns if column.name != "Age"]].assign(
        age=pd.cut(table.frame["Age"].fillna(table.frame["Age"].median()), [0, *range(10, 100, 10)], right=False, labels=BANDS[:9]).astype(str)
    )
    return _planted(frame, y, young, 1, f"age={CHILD}", random)


def own(study: Study) -> Mismatch:
    """A person's table: the rarest value of a categorical column that has at least six rows and both labels."""
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
    return _planted(table.frame[[column.name for column in table.columns]], y, inside, 1, best[0], np.random.default_rng(0))


def encoded(frame: pd.DataFrame) -> tuple[torch.Tensor, list[str]]:
    """Numbers standardised, one column of 0 and 1 for each value of the others."""
    table = wf.datasets.read_table(frame.assign(**{"(target)": np.arange(len(frame)) % 2}), "(target)")
    encoder = wf.datasets.fit_encoder(table, np.arange(len(frame)))
    return encoder.transform(table.frame), list(encoder.features)


def _planted(frame: pd.DataFrame, y: torch.Tensor, group: np.ndarray, label: int, feature: str, random: np.random.Generator) -> Mismatch:
    """Of the group, one with ``label`` is asked about, one with it and three without stay."""
    X, features = encoded(frame)
    with_it, without = (random.permutation(np.flatnonzero(group & (y.numpy() == one))) for one in (label, 1 - label))
    kept, query = np.concatenate([without[:3], with_it[:1]]), with_it[1]
    rows = np.sort(np.concatenate([np.flatnonzero(~group), kept]))
    return Mismatch(X[rows], y[rows], np.flatnonzero(np.isin(rows, kept)), (X[[query]], y[[query]]), features.index(feature))


def asked(case: Mismatch, seed: int) -> list[dict[str, float]]:
    """The magnitudes of influence on the query: of the planted rows and the six that follow, and where the coefficients have the group."""
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
        {**common, "rank": rank + 1, "row": int(key), "score": value, "planted": bool(key in case.kept)}
        for rank, (key, value) in enumerate(zip(top.ids[0].tolist(), top.values[0].tolist(), strict=True))
    ]


def domain(study: Study) -> Findings:
    """The hospital's structure over seeds, the Titanic, and a person's own table."""
    seeds, rows = study.count(10, 2), 20_000
    tables = {
        "hospital": pd.concat(
            [study.cache.rows("hospital", {"rows": rows, "drawn": DRAWN, "seed": s}, lambda s=s: asked(hospital(rows, s), s)) for s in seeds]
        )
    }
    tables["titanic"] = pd.concat([study.cache.rows("titanic", {"seed": s}, lambda s=s: asked(titanic(s, None), s)) for s in seeds])
    if study.data is not None:
        tables["own"] = pd.DataFrame(asked(own(study), 0))
    numbers: dict[str, Number] = {}
    for name, table in tables.items():
        numbers |= _numbers(f"mismatch/{name}", table)
    first = tables["hospital"]
    drawn = first[first["seed"] == seeds[0]].assign(
        row=lambda t: t["rank"].astype(str), kind=lambda t: np.where(t["planted"], "planted child", "other")
    )
    figure = Figure(
        bars(drawn, "row", "score", x_title="training row by magnitude of influence", y_title="influence (loss change)", colour="kind"),
        "A wrong prediction of a child: the ten training rows of largest influence, the four planted children first (hospital's structure, "
        "first seed).",
    )
    said = (
        "The planted rows are the first four by magnitude in {mismatch/hospital/first four} of the seeds, the fourth {mismatch/hospital/ratio} times "
        "the fifth (median; the least {mismatch/hospital/least ratio}); "
        "{mismatch/hospital/coefficients before} coefficients are larger than the group's.",
        "On the Titanic with three children who died and one who lived left in training, they are the first four in {mismatch/titanic/first four} of "
        "the draws, the fourth {mismatch/titanic/ratio} times the fifth.",
    )
    if "own" in tables:
        said += ("In the table that was given, the fourth planted row has {mismatch/own/ratio} times the influence of the fifth row.",)
    held = (
        Bar("mismatch/hospital/first four", at_least=1.0, source="the paper: the four children"),
        Bar("mismatch/hospital/ratio", at_least=20, source="the paper: 30 to 40 times"),
    )
    replaced = "The hospital data (Diabetes 130-US hospitals) are not at hand: a table with their structure, 20,000 rows and 127 features, is drawn."
    return Findings({f"mismatch, {name}": table for name, table in tables.items()}, {"mismatch": figure}, numbers, said, held, replaced=(replaced,))


def _numbers(name: str, table: pd.DataFrame) -> dict[str, Number]:
    first, ratio, before, seeds = [], [], [], []
    for seed, rows in table.groupby("seed"):
        size = rows.sort_values("rank")["score"].abs().to_numpy()
        first.append(bool(rows.sort_values("rank")["planted"].head(4).all()))
        ratio.append(size[3] / size[4])
        before.append(float(rows["coefficients before the group's"].iloc[0]))
        seeds.append(int(str(seed)))
    return {
        f"{name}/first four": share_of("first four", first, seeds),
        f"{name}/ratio": median_of("ratio", ratio, seeds, 27.0),
        f"{name}/least ratio": single("least ratio", min(ratio), seeds),
        f"{name}/coefficients before": median_of("coefficients before", before, seeds, 14),
    }
