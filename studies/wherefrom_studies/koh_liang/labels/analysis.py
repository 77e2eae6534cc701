"""What fixing labels gives: means over seeds at 10 and 30 % looked at, the lead over loss, and curves of all shares."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of
from wherefrom_studies.koh_liang.labels.experiment import FORMS, RANKINGS
from wherefrom_studies.study import Study

SHARES = (0.10, 0.30)  # looked at, of what is told
LEAD = "lead over loss at 10 %"
ENDS = {"none": "accuracy flipped", "all right": "accuracy all right"}
PUBLISHED = {"fixed": {0.10: 0.62, 0.30: 0.856}, "accuracy": {0.10: 0.955, 0.30: 0.972}}  # read off the original's figure 6


@dataclass(frozen=True, eq=False)
class LabelResults:
    """The rows of every seed, the numbers made of them, and means over seeds at each share looked at."""

    rows: pd.DataFrame
    numbers: Numbers
    means: pd.DataFrame


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms of the study."""
    names = {LEAD, *ENDS.values()} | {share_name(ranking, what, share) for ranking in RANKINGS for what in PUBLISHED for share in SHARES}
    return {f"labels/{form}/{name}" for form in FORMS for name in names}


def share_name(ranking: str, what: str, share: float) -> str:
    """Return the end of the name of what a ranking has at a share looked at."""
    return f"{ranking}/{what} at {100 * share:.0f} %"


def analyse(table: pd.DataFrame) -> LabelResults:
    """Return the numbers and means of both forms of the words."""
    groups = [(str(form), rows) for form, rows in table.groupby("words", sort=False)]
    numbers = {name: number for form, rows in groups for name, number in form_numbers(form, rows).items()}
    return LabelResults(table, numbers, pd.concat([share_means(rows, form) for form, rows in groups], ignore_index=True))


def form_numbers(form: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return means over seeds at 10 and 30 % looked at, the lead over loss, and the accuracy before and at best."""
    numbers = {}
    for name, what in ENDS.items():
        rows = table[table["ranking"] == name]
        numbers[f"labels/{form}/{what}"] = mean_of(what, rows["accuracy"], rows["seed"], bounds=(0, 1))
    for share in SHARES:
        at = table[np.isclose(table["checked"], share)]
        for name, rows in at.groupby("ranking"):
            for what, published in PUBLISHED.items():
                original = published[share] if name == "influence" else None
                numbers[f"labels/{form}/{share_name(str(name), what, share)}"] = mean_of(what, rows[what], rows["seed"], original, (0, 1))
        if share == SHARES[0]:
            by = at.pivot(index="seed", columns="ranking", values="fixed")
            numbers[f"labels/{form}/{LEAD}"] = mean_of("lead", by["influence"] - by["loss"], by.index.tolist(), 0.103)
    return numbers


def share_means(table: pd.DataFrame, form: str) -> pd.DataFrame:
    """Return mean and interval of each ranking at each share looked at."""
    rows = []
    for (name, share), part in table[table["ranking"].isin(RANKINGS)].groupby(["ranking", "checked"]):
        for what in PUBLISHED:
            mean = mean_of(what, part[what], part["seed"], bounds=(0, 1)).estimate
            shared = {"words": form, "ranking": name, "checked": round(100 * float(str(share)))}
            rows.append({**shared, "what": what, "mean": mean.value, "low": mean.low, "high": mean.high})
    return pd.DataFrame(rows)
