"""What the MNIST networks give: medians over seeds of each seed's median over its queries, and how many seeds said nothing."""

import pandas as pd

from wherefrom_studies.findings import Number, single
from wherefrom_studies.fragility.medians import AXES, NetworkResults, count_silent, median_numbers, median_table, network_names, number_name
from wherefrom_studies.fragility.mnist.experiment import ALL, DECAY, FORMS, grid_of
from wherefrom_studies.study import Study

COLUMNS = [*AXES, "form", "seed"]
ENDS = ("", ", slope", ", images drawn", ", queries of high loss", ", any queries")  # of the numbers of each form


def mnist_number(activation: str, depth: int, decay: float = DECAY, form: str = ALL, width: int = 4) -> str:
    """Return the name of a number of one network."""
    return number_name("mnist", activation, depth, width, decay, form)


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that the networks of a form give."""
    names = network_names("mnist", grid_of(study), [form + end for form in FORMS for end in ENDS])
    return names | {"mnist/decay/trainings", "mnist/decay/no minimum"}


def analyse(table: pd.DataFrame) -> NetworkResults:
    """Return the numbers of a table of networks, seeds, forms, queries and choices of images."""
    numbers = query_medians(table)
    return NetworkResults(table, numbers, median_table(numbers, FORMS))


def query_medians(table: pd.DataFrame) -> dict[str, Number]:
    """Return medians over the seeds of each seed's median over its queries: over all images left out, the drawn ones alone, and by kind of query."""
    numbers = count_silent("mnist", table) | totals(table)
    every = table[table["left out"] == "all"]
    for rows, columns, last in (
        (every, ("spearman", "slope"), ""),
        (table[table["left out"] == "random"], ("spearman",), ", images drawn"),
        (every[every["query"] == "high loss"], ("spearman",), ", queries of high loss"),
        (every[every["query"] == "any"], ("spearman",), ", any queries"),
    ):
        seeds = rows.groupby(COLUMNS, sort=False)[list(columns)].median().reset_index()
        for column in columns:
            numbers |= median_numbers("mnist", seeds, column, last if column == "spearman" else f", {column}")
    return numbers


def totals(table: pd.DataFrame) -> dict[str, Number]:
    """Count, over all networks that have a minimum to come to, the trainings and those that came to none."""
    rows = table[(table["decay"] > 0) & (table["activation"] != "relu")]
    figured = rows.groupby([*AXES, "seed"])["spearman"].count()
    counts = {"trainings": len(figured), "no minimum": int((figured == 0).sum())}
    return {f"mnist/decay/{name}": single(name, count, rows["seed"].unique().tolist()) for name, count in counts.items()}
