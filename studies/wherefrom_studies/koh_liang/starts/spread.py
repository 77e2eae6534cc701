"""Over starts: the mean with its interval, the least and the most."""

from collections.abc import Iterable

from wherefrom_studies.findings import Number, mean_of, single


def spread_names(name: str) -> set[str]:
    """Return the names of a spread's three numbers."""
    return {name, f"{name}, least", f"{name}, most"}


def spread_numbers(name: str, values: Iterable[float], seeds: Iterable[int]) -> dict[str, Number]:
    """Return the mean with its interval, the least and the most."""
    values, seeds = list(values), list(seeds)
    return {
        name: mean_of(name, values, seeds, bounds=(0, 1)),
        f"{name}, least": single("least", min(values), seeds),
        f"{name}, most": single("most", max(values), seeds),
    }
