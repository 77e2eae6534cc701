"""What is shown of the digits: tables, what the lists are like, the images named for a 3 and an 8, and the bars."""

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.gallery import gallery
from wherefrom_studies.part import Report
from wherefrom_studies.relatif.digits.analysis import MOST_COST, TIMES, DigitResults, method_number
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, NTH, RANDOM, THETA, L
from wherefrom_studies.relatif.means import chart_means
from wherefrom_studies.relatif.softmax import CELLS, DECAYED, FLIPPED, PLAIN, SHOWN_DIGITS

ORDER = (INFLUENCE, THETA, L, RANDOM)
BARS = (
    *(Bar(method_number(method, TIMES), at_least=2, source="less overlap across queries") for method in (THETA, L)),
    *(Bar(method_number(method, "flipped", FLIPPED), at_most=0.02) for method in (THETA, L)),
    Bar(MOST_COST, at_most=2, source="the thesis: 20 to 40 times"),
)


def compose(results: DigitResults) -> Report:
    """Return the tables and figures."""
    lists, size = results.tables.lists, results.tables.size
    fronts, shown = {cell: f"digits/{cell}" for cell in CELLS}, ("distinct first", "of the query's class", "outliers", "flipped")
    figures = {
        "digits": Figure(
            chart_means(results.numbers, fronts, ORDER, shown),
            f"Softmax regression on {size.images} digits, {size.queries} queries: what the five examples named first are like; means over seeds, "
            "95 % intervals. Outliers are the twentieth of the training images of highest loss.",
        ),
        **{f"digits, {cell}": named_images(lists, cell) for cell in (PLAIN, DECAYED)},
    }
    each = lists.drop(columns="shown")
    return Report({"digits, each seed": each, "digits, cost": cost_table(each), "digits, by number of images": results.tables.by_images}, figures)


def cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the running times: seconds of one core, means over seeds; the fit is shared by all methods."""
    timed = table[table["seconds"].notna() & ((table["queries"] == table["queries"].max()) | (table["method"] == DIVINE))]
    columns = {"queries": "first", "fit": "mean", "seconds": "mean", "cost": "mean"}
    return timed.groupby(["cell", "method"], sort=False).agg(columns).reset_index()


def named_images(table: pd.DataFrame, cell: str) -> Figure:
    """Draw three images that each method names for a 3 and an 8, of the first seed."""
    rows = table[(table["cell"] == cell) & (table["seed"] == table["seed"].min())]
    train, test = wf.datasets.mnist("train", limit=int(max(max(ids) for ids in rows["shown"].dropna())) + 1), wf.datasets.mnist("test")
    queries = [test.X[int((test.y == digit).nonzero()[0])] for digit in SHOWN_DIGITS]
    pictures = []
    methods = [*METHODS, DIVINE]
    for method in methods:
        ids = np.array(rows[rows["method"] == method]["shown"].iloc[0]).reshape(len(SHOWN_DIGITS), 3)
        row = {}
        for place, digit in enumerate(SHOWN_DIGITS):
            row[f"the {digit}"] = queries[place].view(28, 28).numpy()
            row |= {f"{nth} of the {digit}": train.X[int(key)].view(28, 28).numpy() for nth, key in zip(NTH, ids[place], strict=True)}
        pictures.append(row)
    return Figure(gallery(pictures, methods), f"Softmax regression {cell}: the three training images that each method names for a 3 and for an 8.")
