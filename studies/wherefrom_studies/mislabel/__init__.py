"""Which method finds flipped labels (Picard et al. 2024): gains curves, AUC, average precision and cost, and what each method shows."""

from typing import Any

import wherefrom as wf
from wherefrom_studies.findings import Numbers
from wherefrom_studies.mislabel.flips import draw_rows, draws_of
from wherefrom_studies.mislabel.grids import GRIDS
from wherefrom_studies.mislabel.heldout import HELDOUT, heldout_number
from wherefrom_studies.mislabel.inspection import INSPECTION, accuracy_number, ahead_of_loss, by_auc, ranking_number
from wherefrom_studies.part import Part
from wherefrom_studies.study import Study, Times


class Mislabel(Study):
    """A small CNN on images of MNIST and CIFAR-10, a tenth of the labels flipped, every method and the baselines over seeds."""

    name = "mislabel"
    question = "Which method finds flipped labels, and at what cost?"
    paper = "Picard et al. 2024, Influenciæ: a library for tracing the influence back to the data points"
    takes = "a table of your own, with --target"
    times = Times(quick=80, full=26, measured=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not None:
            if self.target is None:
                raise wf.UsageError("--data needs --target, the column of classes.")
            draw_rows(self.data, self.target, 0)  # refused before any work where it cannot be asked

    def parts(self) -> tuple[Part[Any, Any], ...]:
        return (INSPECTION, HELDOUT, GRIDS) if self.data is None else (INSPECTION,)

    def words(self, numbers: Numbers) -> dict[str, Any]:
        return {
            "sets": list(draws_of(self)),
            "own_table": self.data is not None,
            "accuracy": accuracy_number,
            "number": ranking_number,
            "heldout": heldout_number,
            "best": lambda data: by_auc(data, numbers)[0],
            "ahead": lambda data: ahead_of_loss(data, numbers),
        }


__all__ = ["Mislabel"]
