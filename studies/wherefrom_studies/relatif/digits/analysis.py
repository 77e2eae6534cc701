"""What the digits give: means over seeds of each method's lists by cell, how many more examples RelatIF names, costs, and EK-FAC's agreement."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of, single
from wherefrom_studies.relatif.digits.experiment import DigitTables, ekfac
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM, THETA, L
from wherefrom_studies.relatif.means import mean_names, mean_numbers
from wherefrom_studies.relatif.softmax import CELLS, DECAYED, SoftmaxSize, size_of
from wherefrom_studies.study import Study

AGREEMENTS = ("agreement", "shared with exact")
TIMES = "times as many distinct"
OF_CELLS = ("accuracy", "damping", "without curvature")
PARAMETERS, MOST_COST = "digits/parameters", "digits/most cost"


@dataclass(frozen=True, eq=False)
class DigitResults:
    """The tables of lists and of counts, and the numbers made of them."""

    tables: DigitTables
    numbers: Numbers


def cell_number(cell: str, name: str) -> str:
    """Return the name of a number of one cell."""
    return f"digits/{cell}/{name}"


def method_number(method: str, figure: str, cell: str = DECAYED) -> str:
    """Return the name of a number of one method's lists for all queries."""
    return cell_number(cell, f"{method}/{figure}")


def few_number(method: str, figure: str, cell: str = DECAYED) -> str:
    """Return the name of a number of one method's lists for the fewer queries that DIVINE is asked about."""
    return cell_number(cell, f"{method} of few/{figure}")


def images_number(images: int, method: str) -> str:
    """Return the name of how many times as many examples as influence a method names of so many images."""
    return f"digits/{images} images/{method}/{TIMES}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that a form gives."""
    names = {PARAMETERS, MOST_COST, *(images_number(images, method) for images in size_of(study).grown for method in (THETA, L, RANDOM))}
    for cell in CELLS:
        names |= {cell_number(cell, name) for name in OF_CELLS} | {method_number(method, TIMES, cell) for method in (THETA, L)}
        names |= {number(method, "cost", cell) for number in (method_number, few_number) for method in (THETA, L)}
        for method in (*METHODS, RANDOM):
            names |= mean_names(cell_number(cell, method)) | mean_names(cell_number(cell, f"{method} of few"))
        names |= mean_names(cell_number(cell, f"{DIVINE} of few"))
    for method in map(ekfac, METHODS):
        names |= mean_names(cell_number(DECAYED, method), chance=False) | {method_number(method, figure) for figure in AGREEMENTS}
    return names | {method_number(ekfac(method), "cost") for method in (THETA, L)}


def analyse(tables: DigitTables) -> DigitResults:
    """Return the numbers of both tables."""
    return DigitResults(tables, list_numbers(tables.lists, tables.size) | image_numbers(tables.by_images))


def list_numbers(table: pd.DataFrame, size: SoftmaxSize) -> dict[str, Number]:
    """Return means over seeds by cell and method; of DIVINE, and of the others beside it, over the fewer queries it is asked about."""
    numbers: dict[str, Number] = {}
    for (cell, method, queries), rows in table.groupby(["cell", "method", "queries"], sort=False):
        seeds = rows["seed"].tolist()
        front = cell_number(str(cell), str(method) if queries == size.queries else f"{method} of few")
        numbers |= mean_numbers(front, rows, seeds)
        for figure in (*AGREEMENTS, "cost"):
            if rows[figure].notna().all():
                numbers[f"{front}/{figure}"] = mean_of(figure, rows[figure], seeds, bounds=(-1.0, np.inf if figure == "cost" else 1.0))
    for cell, rows in table.groupby("cell", sort=False):
        numbers |= cell_numbers(str(cell), rows, size)
    numbers[PARAMETERS] = single("parameters", float(table["parameters"].iloc[0]))
    numbers[MOST_COST] = single("cost", float(table["cost"].max()), sorted(set(table["seed"].tolist())))
    return numbers


def cell_numbers(cell: str, rows: pd.DataFrame, size: SoftmaxSize) -> dict[str, Number]:
    """Return of one cell how many times as many examples as influence RelatIF names, and what the models are like."""
    distinct = rows[rows["queries"] == size.queries].pivot(index="seed", columns="method", values="distinct first")
    numbers = {
        method_number(method, TIMES, cell): mean_of("times", distinct[method] / distinct[INFLUENCE], distinct.index.tolist()) for method in (THETA, L)
    }
    first = rows[rows["method"] == INFLUENCE].groupby("seed").first()
    return numbers | {cell_number(cell, name): mean_of(name, first[name], first.index.tolist()) for name in OF_CELLS}


def image_numbers(table: pd.DataFrame) -> dict[str, Number]:
    """Return how many times as many examples as influence each method names, by the number of images; at random is what can be reached."""
    numbers = {}
    for images, rows in table.groupby("images"):
        distinct = rows.pivot(index="seed", columns="method", values="distinct first")
        for method in (THETA, L, RANDOM):
            numbers[images_number(int(str(images)), method)] = mean_of("times", distinct[method] / distinct[INFLUENCE], distinct.index.tolist())
    return numbers
