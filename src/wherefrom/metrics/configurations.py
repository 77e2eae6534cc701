"""Whether a configuration changes attributions by more than its seeds do: agreement of runs within and between configurations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined, vacuous
from wherefrom.metrics.aligned import Runs, aligned
from wherefrom.metrics.bootstrap import over_runs
from wherefrom.metrics.ranks import CONSTANT
from wherefrom.metrics.selections import top_of
from wherefrom.scores import By


@dataclass(frozen=True)
class ConfigurationEffect:
    """Mean Kuncheva index of the top k over pairs of runs: ``within`` a configuration, ``between`` two, and the ``gap``, within less between.

    Intervals leave out one run at a time. A configuration counts only if the gap's interval lies above 0: otherwise its seeds explain as much.
    """

    within: Estimate
    between: Estimate
    gap: Estimate

    def estimates(self) -> tuple[Estimate, ...]:
        """All three."""
        return (self.within, self.between, self.gap)

    def __str__(self) -> str:
        return "\n".join(map(str, self.estimates()))


def configuration_effect(runs: Runs, configurations: Sequence[object], *, k: int, by: By = "proponents") -> ConfigurationEffect:
    """Of R runs' scores and the name of the configuration of each: depths, batch sizes, splits, ... with two seeds or more of at least one."""
    scores, names = aligned(list(runs)), np.array([str(name) for name in configurations])
    count, n = len(scores.values), scores.values.shape[2]
    if len(names) != count:
        raise UsageError(f"{len(names)} configurations for {count} runs; name one for each.")
    same = names[:, None] == names
    pairs = ~np.eye(count, dtype=bool)
    if same.all() or not (same & pairs).any():
        raise UsageError("Give two configurations or more, at least one of them with two seeds: seeds are what a change is measured by.")
    titles, found = ("within configurations", "between configurations", "within less between"), top_of(scores, k, by)
    if k == n:
        return ConfigurationEffect(*(vacuous(title, f"every run selects all {n} training examples; take a smaller k", count) for title in titles))
    if not found.known.any():
        return ConfigurationEffect(*(undefined(title, CONSTANT, count) for title in titles))
    chosen = found.chosen[:, found.known].reshape(count, -1).astype(float)
    kappa = (chosen @ chosen.T / (k * found.known.sum()) - k / n) / (1 - k / n)

    def means(kept: np.ndarray) -> tuple[float, float, float]:
        part, alike, apart = (table[np.ix_(kept, kept)] for table in (kappa, same & pairs, ~same))
        inner, outer = (float(part[mask].mean()) if mask.any() else np.nan for mask in (alike, apart))
        return inner, outer, inner - outer

    everyone = np.arange(count)
    whole, without = means(everyone), np.array([means(np.delete(everyone, run)) for run in everyone])
    limits = ((-1.0, 1.0), (-1.0, 1.0), (-2.0, 2.0))
    return ConfigurationEffect(
        *(over_runs(titles[i], whole[i], without[:, i], chance=0.0, bounds=limits[i]) for i in range(3))
    )  # fmt: skip
