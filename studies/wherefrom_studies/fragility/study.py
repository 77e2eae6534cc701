"""The fragility study (Basu, Pope & Feizi 2021): influence against retraining by depth, width, activation and weight decay, over seeds."""

from dataclasses import dataclass

from wherefrom_studies.findings import Found, joined
from wherefrom_studies.fragility.iris_found import iris
from wherefrom_studies.fragility.mnist_found import mnist
from wherefrom_studies.study import Study, Times


@dataclass(frozen=True)
class Fragility(Study):
    """Iris networks and small MNIST networks with convolutions, at a minimum in float64 where there is one: all layers and the last alone."""

    name = "fragility"
    question = "Where can influence be trusted: how does it go with depth, width, activation and weight decay?"
    paper = "Basu, Pope & Feizi 2021, Influence Functions in Deep Learning Are Fragile"
    times = Times(quick=60, full=70, measured=False)

    def run(self) -> Found:
        return joined(part(self) for part in (iris, mnist))
