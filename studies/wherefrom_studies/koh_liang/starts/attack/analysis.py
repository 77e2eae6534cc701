"""What the attack on a last layer gives, over starts."""

import wherefrom as wf
from wherefrom_studies.findings import Number, mean_of
from wherefrom_studies.koh_liang.flipping import TOP
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.koh_liang.starts.attack.experiment import StartRuns, size_of
from wherefrom_studies.koh_liang.starts.spread import spread_names, spread_numbers
from wherefrom_studies.study import Study

SHARE = f"top {TOP} share"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers of a form."""
    names = {f"starts/attack/{what}" for what in ("accuracy", SHARE, f"{SHARE} and gain", "margin and gain")}
    return names.union(*(spread_names(f"starts/attack/flipped with {count}") for count in range(1, size_of(study)["count"] + 1)))


def analyse(runs: StartRuns) -> RowResults:
    """Return what flips, and what goes with the rise of the loss."""
    table = runs.rows
    each = [rows for _, rows in table.groupby("seed", sort=False)]
    seeds: list[int] = table["seed"].unique().tolist()
    numbers: dict[str, Number] = {}
    for count in range(1, runs.count + 1):
        numbers |= spread_numbers(f"starts/attack/flipped with {count}", [float((rows["flipped by"] <= count).mean()) for rows in each], seeds)
    numbers["starts/attack/accuracy"] = mean_of("accuracy", [rows["accuracy"].iloc[0] for rows in each], seeds, bounds=(0, 1))
    for what in (SHARE, "margin"):
        values = [wf.metrics.spearman(rows[what].to_numpy(), rows["gain"].to_numpy()).value or 0.0 for rows in each]
        numbers[f"starts/attack/{what} and gain"] = mean_of("rank correlation", values, seeds, bounds=(-1, 1))
    numbers[f"starts/attack/{SHARE}"] = mean_of("share", [rows[SHARE].mean() for rows in each], seeds, bounds=(0, 1))
    return RowResults(table, numbers)
