"""How fragile influence rankings are: a study of the Titanic's passengers, done again with ids, seeds, ceilings and controls."""

from dataclasses import replace
from typing import Any

import wherefrom as wf
from wherefrom_studies.findings import Findings, Numbers
from wherefrom_studies.part import Part
from wherefrom_studies.study import Study, Times
from wherefrom_studies.titanic.data import read_passengers
from wherefrom_studies.titanic.defects import DEFECTS
from wherefrom_studies.titanic.means import grouped_name
from wherefrom_studies.titanic.models import INFLUENCE, LARGE, SMALL, TRACIN, UNDAMPED
from wherefrom_studies.titanic.removal import REMOVAL
from wherefrom_studies.titanic.scores import SCORES
from wherefrom_studies.titanic.turned_labels import TURNED_LABELS
from wherefrom_studies.titanic.variation import VARIATION
from wherefrom_studies.titanic.verdicts import judge, verdict_table


class Titanic(Study):
    """An MLP 32-16 and a logistic regression, batches of 32 to 4, influence and TracIn of the last and of all layers, over 20 seeds."""

    name = "titanic"
    question = "How fragile are influence rankings?"
    paper = "github.com/Alexpbunea/Model_explanations, a study of influence and TracIn on the Titanic's passengers"
    takes = "a table of your own, with --target"
    times = Times(quick=48, full=27, measured=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not None:
            if self.target is None:
                raise wf.UsageError("--data needs --target, the column with two classes.")
            read_passengers(self.data, self.target)  # refused before any work where it cannot be asked
        if self.seeds == 1:
            raise wf.UsageError("--seeds 1 shows no stability; give 2 or more.")

    def parts(self) -> tuple[Part[Any, Any], ...]:
        return SCORES, REMOVAL, VARIATION, TURNED_LABELS, DEFECTS

    def words(self, numbers: Numbers) -> dict[str, Any]:
        openings = {each.claim: each.opening for each in judge(numbers)}
        return {
            "verdict": openings.__getitem__, "large": lambda *keys: grouped_name(LARGE, *keys), "small": lambda *keys: grouped_name(SMALL, *keys),
            "influence": INFLUENCE, "tracin": TRACIN, "undamped": UNDAMPED, "passengers": self.data is None,
        }  # fmt: skip

    def run(self) -> Findings:
        """Do what every study does, and show the verdicts with their evidence as a table."""
        findings = super().run()
        return replace(findings, tables={"Verdicts": verdict_table(judge(findings.numbers), findings.texts()), **findings.tables})


__all__ = ["Titanic"]
