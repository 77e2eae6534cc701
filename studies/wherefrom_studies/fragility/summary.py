"""From seeds to numbers, the same for flowers and digits: medians with intervals, how many seeds said nothing, and what was lost where."""

from collections.abc import Mapping

import pandas as pd

from wherefrom_studies.findings import Number, median_of, single

AXES = ("activation", "depth", "width", "decay")


def named(data: str, activation: object, depth: object, width: object, decay: object, form: object) -> str:
    """The name of a number."""
    return f"{data}/{activation}/depth {depth}/width {width}/decay {decay:g}/{form}"


def summed(data: str, table: pd.DataFrame, column: str = "spearman", last: str = "") -> dict[str, Number]:
    """The median of a column for each network and form over the seeds that have it; names end in ``last``."""
    found = {}
    for key, rows in table.groupby([*AXES, "form"], sort=False):
        good = rows.dropna(subset=[column])
        name = named(data, *key) + last  # type: ignore[misc]
        if len(good):
            found[name] = median_of(name, good[column], good["seed"])
    return found


def silent(data: str, table: pd.DataFrame) -> dict[str, Number]:
    """For each network, the seeds whose training came to no minimum and those that came to one where every prediction is the same."""
    found = {}
    for key, rows in table.groupby(list(AXES), sort=False):
        seeds = rows["seed"].unique().tolist()
        nothing = rows[rows["spearman"].isna()].drop_duplicates("seed")
        constant = nothing["why not"].str.startswith("every ")
        for what, count in (("no minimum", int((~constant).sum())), ("constant", int(constant.sum()))):
            name = named(data, *key, what)  # type: ignore[misc]
            found[name] = single(name, count, seeds)
    return found


def lost(name: str, table: pd.DataFrame, form: str, good: Mapping[str, object], worse: Mapping[str, object]) -> dict[str, Number]:
    """The median over seeds that both have of how much lower the rank correlation of one network is; nothing where no seed has both."""
    columns = []
    for wanted in (good, worse):
        rows = table[table["form"] == form].dropna(subset=["spearman"])
        for axis, value in wanted.items():
            rows = rows[rows[axis] == value]
        columns.append(rows.set_index("seed")["spearman"])
    both = pd.concat(columns, axis=1, join="inner")
    return {name: median_of(name, both.iloc[:, 0] - both.iloc[:, 1], both.index.tolist())} if len(both) else {}


def tabled(numbers: Mapping[str, Number], forms: tuple[str, ...]) -> pd.DataFrame:
    """The medians of these forms as a table."""
    rows = []
    for name, number in numbers.items():
        parts = name.split("/")
        if len(parts) != 6 or parts[5] not in forms:
            continue
        _, activation, depth, width, decay, form = parts
        rows.append({
            "activation": activation, "depth": int(depth.split()[1]), "width": int(width.split()[1]), "decay": decay.split()[1], "form": form,
            "spearman": number.estimate.value, "low": number.estimate.low, "high": number.estimate.high, "seeds": number.estimate.n,
        })  # fmt: skip
    return pd.DataFrame(rows)
