"""What the attack gives over draws of the training images: the share flipped by how many are changed, beside random signs."""

from dataclasses import dataclass

import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Number, Numbers, mean_of
from wherefrom_studies.koh_liang.attack.experiment import CLOSEST, DECAYS, DRAWN, AttackRuns, size_of
from wherefrom_studies.koh_liang.flipping import TOP
from wherefrom_studies.study import Study

COUNTS = (1, 2, 3, 5, 10)
PUBLISHED = {1: 0.57, 2: 0.77, 10: 0.998}
SHARE = f"top {TOP} share"


@dataclass(frozen=True, eq=False)
class AttackResults:
    """The attacks, the numbers made of them, and the shares flipped by the number of images changed as a table."""

    runs: AttackRuns
    numbers: Numbers
    lines: pd.DataFrame


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers of a form."""
    size = size_of(study)
    names = {"times random", "accuracy", SHARE} | {f"flipped with {count}" for count in counts_of(size.most)}
    names |= {f"flipped by random signs with {count}" for count in counts_of(size.few)}
    names |= {f"{kind}/{what}" for kind in (CLOSEST, DRAWN) for what in (f"{SHARE} and gain", "margin and gain", "flipped with 1")}
    return {f"attack/{l2:g}/{name}" for l2 in DECAYS for name in names}


def counts_of(most: int) -> list[int]:
    """Return the numbers of changed images that are told, up to the most."""
    return [count for count in COUNTS if count <= most]


def analyse(runs: AttackRuns) -> AttackResults:
    """Return the numbers of each weight decay."""
    counts, few = counts_of(runs.size.most), runs.size.few
    groups = runs.rows.groupby("l2")
    numbers = {name: number for l2, rows in groups for name, number in draw_means(f"attack/{l2:g}", rows, counts, few).items()}
    return AttackResults(runs, numbers, flipped_shares(runs.rows, few, runs.size.most))


def draw_means(name: str, table: pd.DataFrame, counts: list[int], few: int) -> dict[str, Number]:
    """Return means over seeds of what each draw of the training images says."""
    seeds, numbers = table["seed"].unique().tolist(), {}
    near = [rows for _, rows in table[table["kind"] == CLOSEST].groupby("seed", sort=False)]
    others = [rows for _, rows in table[table["kind"] == DRAWN].groupby("seed", sort=False)]
    for count in counts:
        shares = [(rows["flipped by"] <= count).mean() for rows in near]
        numbers[f"flipped with {count}"] = mean_of("flipped", shares, seeds, PUBLISHED.get(count), (0, 1))
        if count <= few:
            shares = [(rows["flipped by random signs"] <= count).mean() for rows in near]
            numbers[f"flipped by random signs with {count}"] = mean_of("flipped", shares, seeds, bounds=(0, 1))
    times = [rows["gain"].mean() / rows["random gain"].abs().mean() for rows in near]
    numbers["times random"] = mean_of("times random", times, seeds)
    numbers["accuracy"] = mean_of("accuracy", [rows["accuracy"].iloc[0] for rows in near], seeds, bounds=(0, 1))
    numbers[SHARE] = mean_of("share", [rows[SHARE].mean() for rows in near], seeds, bounds=(0, 1))
    for kind, each in ((CLOSEST, near), (DRAWN, others)):
        for what in (SHARE, "margin"):
            values = [wf.metrics.spearman(rows[what].to_numpy(), rows["gain"].to_numpy()).value or 0.0 for rows in each]
            numbers[f"{kind}/{what} and gain"] = mean_of("rank correlation", values, seeds, bounds=(-1, 1))
        numbers[f"{kind}/flipped with 1"] = mean_of("flipped", [(rows["flipped by"] <= 1).mean() for rows in each], seeds, bounds=(0, 1))
    return {f"{name}/{key}": number for key, number in numbers.items()}


def flipped_shares(table: pd.DataFrame, few: int, most: int) -> pd.DataFrame:
    """Return mean and interval of the share flipped by the number of images changed, for each weight decay and its control."""
    near, rows = table[table["kind"] == CLOSEST], []
    for l2, part in near.groupby("l2"):
        for column, name, last in (("flipped by", f"l2 {l2:g}", most), ("flipped by random signs", f"l2 {l2:g}, random signs", few)):
            for changed in range(last + 1):
                shares = part.groupby("seed")[column].apply(lambda by, changed=changed: (by <= changed).mean())
                it = mean_of(name, shares, shares.index.tolist(), bounds=(0, 1)).estimate
                rows.append({"arm": name, "changed": changed, "flipped": it.value, "low": it.low, "high": it.high})
    return pd.DataFrame(rows)
