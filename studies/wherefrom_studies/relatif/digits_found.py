"""What the softmax regressions on MNIST say: numbers, figures and sentences."""

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, mean_of, single
from wherefrom_studies.gallery import gallery
from wherefrom_studies.relatif.digits import ASKED, CELLS, DECAYED, FLIPPED, PLAIN, SMALL, Size, grown, measured
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, NTH, RANDOM, THETA, L
from wherefrom_studies.relatif.summary import charted, numbered
from wherefrom_studies.study import Study

ORDER = (INFLUENCE, THETA, L, RANDOM)
EXTRA = ("agreement", "shared with exact")


def digits(study: Study) -> Findings:
    """Every cell over its seeds."""
    size = study.either(Size(), SMALL)
    table, more = measured(study, size), grown(study, size)
    numbers = numbers_of(table, size) | ratios(more)
    charts = {
        "digits": Figure(
            charted(numbers, {cell: f"digits/{cell}" for cell in CELLS}, ORDER, ("distinct first", "of the query's class", "outliers", "flipped")),
            f"Softmax regression on {size.images} digits, {size.queries} queries: what the five examples named first are like; means over seeds, "
            "95 % intervals. Outliers are the twentieth of the training images of highest loss.",
        ),
        **{f"digits, {cell}": shown(table, cell) for cell in (PLAIN, DECAYED)},
    }
    each = table.drop(columns="shown")
    return Findings(
        {"digits, each seed": each, "digits, cost": costs(each), "digits, by number of images": more},
        charts,
        numbers,
        findings(size),
        bars(),
        ORIGINALS,
    )


def numbers_of(table: pd.DataFrame, size: Size) -> dict[str, Number]:
    """Means over seeds by cell and method; of DIVINE, and of the others beside it, over the fewer queries it is asked about."""
    found: dict[str, Number] = {}
    for (cell, method, queries), rows in table.groupby(["cell", "method", "queries"], sort=False):
        seeds = rows["seed"].tolist()
        front = f"digits/{cell}/{method}" + ("" if queries == size.queries else " of few")
        found |= numbered(front, rows, seeds)
        for what in (*EXTRA, "cost"):
            if rows[what].notna().all():
                found[f"{front}/{what}"] = mean_of(what, rows[what], seeds, bounds=(-1.0, np.inf if what == "cost" else 1.0))
    for cell, rows in table.groupby("cell", sort=False):
        every = rows[rows["queries"] == size.queries].pivot(index="seed", columns="method", values="distinct first")
        for method in (THETA, L):
            name = f"digits/{cell}/{method}/times as many distinct"
            found[name] = mean_of("times", every[method] / every[INFLUENCE], every.index.tolist())
        first = rows[rows["method"] == INFLUENCE].groupby("seed").first()
        for what in ("accuracy", "damping", "without curvature"):
            found[f"digits/{cell}/{what}"] = mean_of(what, first[what], first.index.tolist())
    found["digits/parameters"] = single("parameters", float(table["parameters"].iloc[0]))
    found["digits/most cost"] = single("cost", float(table["cost"].max()), sorted(set(table["seed"].tolist())))
    return found


def ratios(table: pd.DataFrame) -> dict[str, Number]:
    """How many times as many examples as influence each method names, by the number of images; at random is what can be reached."""
    found = {}
    for images, rows in table.groupby("images"):
        wide = rows.pivot(index="seed", columns="method", values="distinct first")
        for method in (THETA, L, RANDOM):
            name = f"digits/{images} images/{method}/times as many distinct"
            found[name] = mean_of("times", wide[method] / wide[INFLUENCE], wide.index.tolist())
    return found


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """The running-time table: seconds of one core, means over seeds; the fit is shared by all methods."""
    asked = table[table["seconds"].notna() & ((table["queries"] == table["queries"].max()) | (table["method"] == DIVINE))]
    columns = {"queries": "first", "fit": "mean", "seconds": "mean", "cost": "mean"}
    return asked.groupby(["cell", "method"], sort=False).agg(columns).reset_index()


def shown(table: pd.DataFrame, cell: str) -> Figure:
    """Three images each method names for a 3 and an 8, of the first seed."""
    rows = table[(table["cell"] == cell) & (table["seed"] == table["seed"].min())]
    train, test = wf.datasets.mnist("train", limit=int(max(max(ids) for ids in rows["shown"].dropna())) + 1), wf.datasets.mnist("test")
    asked = [test.X[int((test.y == digit).nonzero()[0])] for digit in ASKED]
    pictures = []
    methods = [*METHODS, DIVINE]
    for method in methods:
        ids = np.array(rows[rows["method"] == method]["shown"].iloc[0]).reshape(len(ASKED), 3)
        row = {}
        for place, digit in enumerate(ASKED):
            row[f"the {digit}"] = asked[place].view(28, 28).numpy()
            row |= {f"{nth} of the {digit}": train.X[int(key)].view(28, 28).numpy() for nth, key in zip(NTH, ids[place], strict=True)}
        pictures.append(row)
    return Figure(gallery(pictures, methods), f"Softmax regression {cell}: the three training images that each method names for a 3 and for an 8.")


def bars() -> tuple[Bar, ...]:
    """Of RelatIF's claim, and of its cost."""
    distinct = [Bar(f"digits/{DECAYED}/{method}/times as many distinct", at_least=2, source="less overlap across queries") for method in (THETA, L)]
    few = [Bar(f"digits/{FLIPPED}/{method}/flipped", at_most=0.02) for method in (THETA, L)]
    return (*distinct, *few, Bar("digits/most cost", at_most=2, source="the thesis: 20 to 40 times"))


def findings(size: Size) -> tuple[str, ...]:
    """Whom each method names, and what it costs."""
    at, wrong, plain = f"digits/{DECAYED}", f"digits/{FLIPPED}", f"digits/{PLAIN}"
    few, exact = f"{DIVINE} of few", f"{INFLUENCE} of few"
    return (
        f"Over {size.queries} digits influence names {{{at}/{INFLUENCE}/distinct first}} as many examples in the first place as there are queries, "
        f"theta-RelatIF {{{at}/{THETA}/times as many distinct}} times as many and l-RelatIF {{{at}/{L}/times as many distinct}} times (drawn at "
        f"random: {{{at}/{RANDOM}/distinct first}}).",
        "How many times as many depends on how many there are to name: "
        + "; ".join(
            f"of {images:,} images theta-RelatIF names {{digits/{images} images/{THETA}/times as many distinct}}, drawing at random "
            f"{{digits/{images} images/{RANDOM}/times as many distinct}}"
            for images in size.grown
        )
        + ".",
        f"Of the first five by influence {{{at}/{INFLUENCE}/outliers}} are outliers and {{{at}/{INFLUENCE}/of the query's class}} are of the class "
        f"that the model gives the query; by theta-RelatIF {{{at}/{THETA}/outliers}} and {{{at}/{THETA}/of the query's class}}, by l-RelatIF "
        f"{{{at}/{L}/outliers}} and {{{at}/{L}/of the query's class}} (chance {{{at}/{INFLUENCE}/outliers, chance}} and "
        f"{{{at}/{INFLUENCE}/of the query's class, chance}}).",
        f"With a twentieth of the labels flipped, {{{wrong}/{INFLUENCE}/flipped}} of the first five by influence are flipped ones, by theta-RelatIF "
        f"{{{wrong}/{THETA}/flipped}}, by l-RelatIF {{{wrong}/{L}/flipped}}.",
        f"DIVINE, which keeps nine tenths of the influence of five examples, is not RelatIF: {{{at}/{few}/outliers}} of its five are outliers "
        f"(influence's over the same queries: {{{at}/{exact}/outliers}}), and two queries share {{{at}/{few}/shared by two queries}} of them "
        f"(influence's: {{{at}/{exact}/shared by two queries}}): it spreads each list, not the lists.",
        f"Without weight decay {{{plain}/without curvature}} of the {{digits/parameters}} directions have no curvature (black pixels, the outputs' "
        f"common shift); with the damping that is chosen without retraining, {{{plain}/damping}}, RelatIF still names "
        f"{{{plain}/{THETA}/times as many distinct}} times as many examples.",
        f"RelatIF costs {{{at}/{THETA}/cost}} (theta) and {{{at}/{L}/cost}} (l) times what influence costs, one factor serving both, at most "
        "{digits/most cost}: the 20 to 40 times of the thesis come from solving one system for each training image.",
        f"EK-FAC in place of the exact inverse ranks at {{{at}/{INFLUENCE}, EK-FAC/agreement}} with it and shares "
        f"{{{at}/{INFLUENCE}, EK-FAC/shared with exact}} of the first five; under theta-RelatIF it is {{{at}/{THETA}, EK-FAC/agreement}} and "
        f"{{{at}/{THETA}, EK-FAC/shared with exact}}.",
    )


ORIGINALS = (
    "It judges RelatIF by the top three of a few test digits, by eye; here are 1,000 queries, chance levels, and a second run with labels flipped.",
    "It solves one system for each training example, so that RelatIF takes 20 to 40 times influence's time.",
)
