"""From seeds to numbers, the same for flowers and digits: medians with intervals, how many seeds said nothing, and what was lost where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from wherefrom_studies.findings import Number, Numbers, median_of, single

AXES = ("activation", "depth", "width", "decay")
SILENCES = ("no minimum", "constant")


class Shape(Protocol):
    """What tells one network from another."""

    @property
    def activation(self) -> str: ...
    @property
    def depth(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def decay(self) -> float: ...


@dataclass(frozen=True, eq=False)
class NetworkResults:
    """A row for each seed and form of influence, the numbers made of them, and the medians over seeds as a table."""

    each: pd.DataFrame
    numbers: Numbers
    medians: pd.DataFrame


def number_name(data: str, activation: object, depth: object, width: object, decay: object, form: object) -> str:
    """Return the name of a number of one network."""
    return f"{data}/{activation}/depth {depth}/width {width}/decay {decay:g}/{form}"


def network_names(data: str, networks: Iterable[Shape], ends: Iterable[str]) -> set[str]:
    """Return the names of what ends so of each network, and of its seeds that say nothing."""
    ends = (*ends, *SILENCES)
    return {number_name(data, each.activation, each.depth, each.width, each.decay, end) for each in networks for end in ends}


def median_numbers(data: str, table: pd.DataFrame, column: str = "spearman", last: str = "") -> dict[str, Number]:
    """Return the median of a column for each network and form over the seeds that have it; names end in ``last``."""
    numbers = {}
    for key, rows in table.groupby([*AXES, "form"], sort=False):
        good = rows.dropna(subset=[column])
        name = number_name(data, *key) + last  # type: ignore[misc]
        if len(good):
            numbers[name] = median_of(name, good[column], good["seed"])
    return numbers


def count_silent(data: str, table: pd.DataFrame) -> dict[str, Number]:
    """Count for each network the seeds whose training came to no minimum and those that came to one where every prediction is the same."""
    numbers = {}
    for key, rows in table.groupby(list(AXES), sort=False):
        seeds = rows["seed"].unique().tolist()
        nothing = rows[rows["spearman"].isna()].drop_duplicates("seed")
        constant = nothing["why not"].str.startswith("every ")
        for what, count in zip(SILENCES, (int((~constant).sum()), int(constant.sum())), strict=True):
            name = number_name(data, *key, what)  # type: ignore[misc]
            numbers[name] = single(name, count, seeds)
    return numbers


def median_loss(name: str, table: pd.DataFrame, form: str, good: Mapping[str, object], worse: Mapping[str, object]) -> dict[str, Number]:
    """Return the median over seeds that both have of how much lower the rank correlation of one network is; nothing where no seed has both."""
    columns = []
    for wanted in (good, worse):
        rows = table[table["form"] == form].dropna(subset=["spearman"])
        for axis, value in wanted.items():
            rows = rows[rows[axis] == value]
        columns.append(rows.set_index("seed")["spearman"])
    both = pd.concat(columns, axis=1, join="inner")
    return {name: median_of(name, both.iloc[:, 0] - both.iloc[:, 1], both.index.tolist())} if len(both) else {}


def median_table(numbers: Numbers, forms: tuple[str, ...]) -> pd.DataFrame:
    """Return the medians of these forms as a table."""
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
