"""Methods by name, each made for a trained run."""

from collections.abc import Callable, Mapping

from wherefrom.compare import TrainedRun
from wherefrom.curvature import EKFAC
from wherefrom.errors import UsageError, nearest
from wherefrom.methods import (
    TRAK,
    GradientCosine,
    GradientDot,
    InfluenceFunction,
    LossScores,
    Method,
    RandomScores,
    RelatIF,
    RepresenterL2,
    TracIn,
)  # fmt: skip
from wherefrom.solvers import IHVP, Eigen, recommended

Maker = Callable[[TrainedRun, int], Method]


def _tracin(run: TrainedRun, draw: int) -> Method:
    if not run.run.checkpoints:
        raise UsageError("tracin needs checkpoints and this trainer keeps none; train by wf.train.adam(..., checkpoints=5), or leave it out.")
    return TracIn(run.run.checkpoints, run.run.learning_rates)


MAKERS: Mapping[str, Maker] = {
    "influence": lambda run, draw: InfluenceFunction(recommended(run.problem)),
    "leverage": lambda run, draw: InfluenceFunction(recommended(run.problem), leverage=True),
    "ekfac": lambda run, draw: InfluenceFunction(IHVP(EKFAC(seed=draw), Eigen())),
    "relatif": lambda run, draw: RelatIF(recommended(run.problem)),
    "tracin": _tracin,
    "gradient-dot": lambda run, draw: GradientDot(),
    "gradient-cosine": lambda run, draw: GradientCosine(),
    "representer": lambda run, draw: RepresenterL2(),
    "trak": lambda run, draw: TRAK(dimension=512, seed=draw),
    "loss": lambda run, draw: LossScores(),
    "random": lambda run, draw: RandomScores(draw),
}
USUAL = "influence,relatif,tracin,gradient-dot,representer,trak,loss,random"


def contenders(names: str, classes: bool) -> dict[str, Maker]:
    """The methods of a list of names separated by commas; ``random`` is always among them."""
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    unknown = [name for name in wanted if name not in MAKERS]
    if unknown:
        raise UsageError(f"There is no method {unknown[0]!r}.{nearest(unknown[0], MAKERS)} Choose among {', '.join(MAKERS)}.")
    if not [name for name in wanted if name != "random"]:
        raise UsageError("Give --methods at least one besides random, such as influence,tracin.")
    found = {name: MAKERS[name] for name in wanted if name != "random"}
    if not classes and "representer" in found:
        found["representer"] = lambda run, draw: RepresenterL2(output=0)  # a regression is asked for its output as it is
    return {**found, "random": MAKERS["random"]}
