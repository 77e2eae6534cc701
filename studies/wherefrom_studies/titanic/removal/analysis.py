"""What leaving rows out changes: means over seeds, the band of the seeds alone, and what is beyond random rows of the same classes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, mean_of, single
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.means import SHARE, ExperimentResults, mean_by
from wherefrom_studies.titanic.models import LARGE, MAIN, PAIR, methods_of, networks_of
from wherefrom_studies.titanic.removal.experiment import CLASSES_AS_IN, COLUMNS, RANDOM, sizes_of

SMALL_SIZE = 50  # the sizes to which the original recommends to go
BEYOND = "log loss beyond classes"
CELLS, CELLS_INSIDE, RUNS_INSIDE = "removal/cells", "removal/cells inside the seed band", "removal/single runs inside the seed band"
EARLY = "contrast/accuracy after 1 or 5 left out"

RemovalResults = ExperimentResults[Mapping[str, pd.DataFrame]]


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that the networks of a form give."""
    names = {CELLS, CELLS_INSIDE, RUNS_INSIDE, EARLY}
    for setting in networks_of(study):
        ranked = [method for method in MAIN if method in methods_of(setting)]
        arms = (*ranked, RANDOM, *(CLASSES_AS_IN + method for method in ranked))
        ends = [f"{arm}/{size}/{column}" for arm in arms for size in sizes_of(study) for column in COLUMNS]
        ends += [f"{arm}/{size}/{BEYOND}" for arm in ranked for size in sizes_of(study)]
        ends += ["accuracy before", *(f"seed band/{column}" for column in COLUMNS)]
        names |= {f"{setting.name}/removal/{end}" for end in ends}
    return names


def analyse(tables: Mapping[str, pd.DataFrame]) -> RemovalResults:
    """Return the numbers of every network's table."""
    numbers = count_cells(tables) | early_change(tables[LARGE])
    for setting, table in tables.items():
        numbers |= setting_numbers(setting, table)
    return ExperimentResults(tables, numbers)


def setting_numbers(setting: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return the mean change of each arm and size, the band of the seeds alone, and each ranking's excess over random rows of its classes."""
    numbers = mean_by(f"{setting}/removal", table, ["arm", "removed"], COLUMNS)
    seeds = table["seed"].unique().tolist()
    for column in COLUMNS:
        name = f"{setting}/removal/seed band/{column}"
        numbers[name] = single(name, seed_band(table, column), seeds)
    each = table.groupby("seed")["accuracy before"].first()
    numbers[f"{setting}/removal/accuracy before"] = mean_of(f"{setting}/removal/accuracy before", each, each.index, bounds=SHARE)
    for arm in [name for name in MAIN if name in set(table["arm"])]:
        for size in table["removed"].unique():
            name = f"{setting}/removal/{arm}/{size}/{BEYOND}"
            numbers[name] = mean_of(name, excess(table, arm, CLASSES_AS_IN + arm, size, "log loss"), seeds)
    return numbers


def count_cells(tables: Mapping[str, pd.DataFrame]) -> dict[str, Number]:
    """Count the cells (setting, last-layer method, size to 50) whose mean change of accuracy lies inside the band of the seeds."""
    cells = [
        (abs(float(rows["accuracy"].mean())) <= seed_band(table, "accuracy"), (rows["accuracy"].abs() <= seed_band(table, "accuracy")).mean())
        for table in tables.values()
        for (arm, size), rows in table.groupby(["arm", "removed"])
        if arm in PAIR and size <= SMALL_SIZE  # type: ignore[operator]
    ]
    inside, single_runs = zip(*cells, strict=True)
    return {
        CELLS: single(CELLS, len(cells)),
        CELLS_INSIDE: single(CELLS_INSIDE, sum(inside), original=29),
        RUNS_INSIDE: single(RUNS_INSIDE, float(np.mean(single_runs))),
    }


def early_change(table: pd.DataFrame) -> dict[str, Number]:
    """Return the mean change of accuracy after the first 1 or 5 are left out."""
    early = table[table["arm"].isin(PAIR) & (table["removed"] <= 5)].groupby("seed")["accuracy"].mean()
    return {EARLY: mean_of(EARLY, early, early.index)}


def seed_band(table: pd.DataFrame, figure: str) -> float:
    """Return half the width that holds 95 % of the differences between two networks trained on everything, by their seeds alone."""
    each = table.groupby("seed")[f"{figure} before"].first().to_numpy()
    apart = np.abs(each[:, None] - each[None, :])[np.triu_indices(len(each), 1)]
    return float(np.quantile(apart, 0.95))


def excess(table: pd.DataFrame, arm: str, control: str, size: int, figure: str) -> np.ndarray:
    """Return the arm's change less its control's, seed by seed."""
    each = table[table["removed"] == size].pivot(index="seed", columns="arm", values=figure)
    return (each[arm] - each[control]).to_numpy()
