"""The fragility study (Basu, Pope & Feizi 2021): influence against retraining by depth, width, activation and weight decay, over seeds."""

from typing import Any

from wherefrom_studies.findings import Numbers
from wherefrom_studies.fragility.iris import IRIS, iris_number
from wherefrom_studies.fragility.mnist import MNIST, mnist_number
from wherefrom_studies.part import Part
from wherefrom_studies.study import Study, Times


class Fragility(Study):
    """Iris networks and small MNIST networks with convolutions, at a minimum in float64 where there is one: all layers and the last alone."""

    name = "fragility"
    question = "Where can influence be trusted: how does it go with depth, width, activation and weight decay?"
    paper = "Basu, Pope & Feizi 2021, Influence Functions in Deep Learning Are Fragile"
    times = Times(quick=60, full=70, measured=False)

    def parts(self) -> tuple[Part[Any, Any], ...]:
        return IRIS, MNIST

    def words(self, numbers: Numbers) -> dict[str, Any]:
        return {"iris": iris_number, "mnist": mnist_number}


__all__ = ["Fragility"]
