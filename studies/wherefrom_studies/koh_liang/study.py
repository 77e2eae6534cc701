"""Understanding Black-box Predictions via Influence Functions (Koh & Liang 2017), experiment by experiment."""

from dataclasses import dataclass

import wherefrom as wf
from wherefrom_studies.findings import Findings, joined
from wherefrom_studies.koh_liang.attack import attack
from wherefrom_studies.koh_liang.cnn import cnn
from wherefrom_studies.koh_liang.domain import domain, own
from wherefrom_studies.koh_liang.hinge import hinge
from wherefrom_studies.koh_liang.labels import labels
from wherefrom_studies.koh_liang.loo import loo
from wherefrom_studies.koh_liang.starts import starts
from wherefrom_studies.koh_liang.terms import terms
from wherefrom_studies.koh_liang.twins import twins
from wherefrom_studies.study import Study, Times


@dataclass(frozen=True)
class KohLiang(Study):
    """Each experiment is a function of the study; what one has computed is kept under its own name."""

    name = "koh-liang"
    question = "Do influence functions foretell retraining, and what are they good for?"
    paper = "Koh & Liang 2017, Understanding Black-box Predictions via Influence Functions"
    takes = "a table of your own for the domain mismatch, with --target"
    times = Times(quick=60, full=35, measured=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not None:
            if self.target is None:
                raise wf.UsageError("--data needs --target, the column with two classes.")
            own(self)  # refused before an hour's work where it cannot be asked

    def run(self) -> Findings:
        return joined(part(self) for part in (loo, cnn, hinge, terms, twins, attack, domain, labels, starts))
