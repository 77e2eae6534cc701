"""Understanding Black-box Predictions via Influence Functions (Koh & Liang 2017), experiment by experiment."""

from typing import Any

import wherefrom as wf
from wherefrom_studies.findings import Numbers
from wherefrom_studies.koh_liang.attack import ATTACK
from wherefrom_studies.koh_liang.attack.experiment import size_of
from wherefrom_studies.koh_liang.cnn import CNN
from wherefrom_studies.koh_liang.domain import DOMAIN
from wherefrom_studies.koh_liang.domain.experiment import plant_own
from wherefrom_studies.koh_liang.hinge import HINGE
from wherefrom_studies.koh_liang.labels import LABELS
from wherefrom_studies.koh_liang.loo import LOO
from wherefrom_studies.koh_liang.starts import STARTS
from wherefrom_studies.koh_liang.terms import TERMS
from wherefrom_studies.koh_liang.twins import TWINS
from wherefrom_studies.part import Part
from wherefrom_studies.study import Study, Times


class KohLiang(Study):
    """Each experiment is a part; what one has computed is kept under its own name."""

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
            plant_own(self)  # refused before an hour's work where it cannot be asked

    def parts(self) -> tuple[Part[Any, Any], ...]:
        return LOO, CNN, HINGE, TERMS, TWINS, ATTACK, DOMAIN, LABELS, *STARTS

    def words(self, numbers: Numbers) -> dict[str, Any]:
        size = size_of(self)
        return {"few": size.few, "most": size.most, "own": self.data is not None}


__all__ = ["KohLiang"]
