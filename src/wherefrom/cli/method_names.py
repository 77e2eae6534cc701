"""Methods by name: what reports call each, what it needs, and how it is made; ``explain``, ``compare`` and the reports read this one table.

Importing the table imports no method: ``wf`` loads what is used when it is used.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import wherefrom as wf
from wherefrom.errors import UsageError, nearest

RANDOM = "random"
USUAL = "influence,relatif,tracin,gradient-dot,representer,trak,loss,random"  # what is compared unless told
DIMENSION = 512  # of TRAK's projection


@dataclass(frozen=True, eq=False)
class MethodParts:
    """What a method is made of: a model at its weights, the number of the random draw, and the run that trained it, where there is one."""

    problem: "wf.Problem"
    draw: int
    run: "wf.retraining.Run | None" = None

    @cached_property
    def ihvp(self) -> "wf.solvers.FittedIHVP":
        """The recommended inverse curvature, fitted once."""
        return wf.recommended(self.problem)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the inverse came about; nothing where none was fitted."""
        return self.ihvp.notes if "ihvp" in vars(self) else ()


@dataclass(frozen=True)
class MethodEntry:
    """A method on the command line: ``title`` is what reports call it; one that needs "checkpoints" is made of a training run alone."""

    name: str
    title: str
    make: Callable[[MethodParts], "wf.methods.Method"]
    needs: Literal["a model", "checkpoints"] = "a model"


def _ekfac(parts: MethodParts) -> "wf.methods.Method":
    return wf.InfluenceFunction(wf.IHVP(wf.EKFAC(seed=parts.draw), wf.Eigen()).fit(parts.problem))


def _tracin(parts: MethodParts) -> "wf.methods.Method":
    if parts.run is None or not parts.run.checkpoints:
        raise UsageError("tracin needs checkpoints and this trainer keeps none; train by wf.train.adam(..., checkpoints=5), or leave it out.")
    return wf.TracIn(parts.run.checkpoints, parts.run.learning_rates)


def _representer(parts: MethodParts) -> "wf.methods.Method":
    from wherefrom.retraining.utility import has_classes

    # A regression is asked for its output as it is.
    return wf.methods.RepresenterL2() if has_classes(parts.problem) else wf.methods.RepresenterL2(output=0)


ENTRIES = (
    MethodEntry("influence", "influence function (Koh & Liang 2017)", lambda parts: wf.InfluenceFunction(parts.ihvp)),
    MethodEntry(
        "leverage", "influence function with leverage (one Newton step per row)", lambda parts: wf.InfluenceFunction(parts.ihvp, leverage=True)
    ),
    MethodEntry("ekfac", "influence function with EK-FAC (Grosse et al. 2023)", _ekfac),
    MethodEntry("relatif", "RelatIF (Barshan et al. 2020), influence for a given move of the model", lambda parts: wf.RelatIF(parts.ihvp)),
    MethodEntry("tracin", "TracIn (Pruthi et al. 2020), gradient products summed over checkpoints", _tracin, needs="checkpoints"),
    MethodEntry("gradient-dot", "product of gradients", lambda _: wf.GradientDot()),
    MethodEntry("gradient-cosine", "cosine of gradients", lambda _: wf.GradientCosine()),
    MethodEntry("representer", "representer points (Yeh et al. 2018)", _representer),
    MethodEntry(
        "trak", f"TRAK (Park et al. 2023), gradients projected to {DIMENSION} numbers", lambda parts: wf.TRAK(None, DIMENSION, seed=parts.draw)
    ),
    MethodEntry("datainf", "DataInf (Kwon et al. 2024), influence by the mean of each example's own inverse", lambda _: wf.methods.DataInf()),
    MethodEntry("trackstar", "TrackStar (Chang et al. 2024), cosines of whitened gradients", lambda _: wf.methods.TrackStar()),
    MethodEntry("loss", "loss of each training example, whatever the query", lambda _: wf.methods.LossScores()),
    MethodEntry(RANDOM, "random scores, which show chance", lambda parts: wf.methods.RandomScores(parts.draw)),
)
METHODS: Mapping[str, MethodEntry] = {entry.name: entry for entry in ENTRIES}
OF_ONE_MODEL = tuple(entry.name for entry in ENTRIES if entry.needs == "a model")


def method_of_model(name: str) -> MethodEntry:
    """Return the method of a name that works on a single model; refuse another, with the nearest there is."""
    if name in METHODS and name not in OF_ONE_MODEL:
        lacking = f"{name} needs {METHODS[name].needs}, which a single model does not have"
        raise UsageError(f"{lacking}; use wherefrom compare, or choose among {', '.join(OF_ONE_MODEL)}.")
    return _entries([name], OF_ONE_MODEL)[name]


def methods_of_runs(names: str) -> dict[str, MethodEntry]:
    """Return the methods of a list of names separated by commas; ``random`` is always among them, as the last."""
    wanted = [name for name in dict.fromkeys(name.strip() for name in names.split(",")) if name]
    entries = _entries(wanted, METHODS)
    if not entries.keys() - {RANDOM}:
        raise UsageError("Give --methods at least one besides random, such as influence,tracin.")
    return {**{name: entry for name, entry in entries.items() if name != RANDOM}, RANDOM: METHODS[RANDOM]}


def _entries(names: Iterable[str], known: Iterable[str]) -> dict[str, MethodEntry]:
    for name in names:
        if name not in known:
            raise UsageError(f"There is no method {name!r}.{nearest(name, known)} Choose among {', '.join(known)}.")
    return {name: METHODS[name] for name in names}
