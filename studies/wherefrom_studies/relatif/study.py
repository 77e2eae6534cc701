"""Influence, RelatIF and DIVINE (after a thesis of 2022), part by part."""

from dataclasses import dataclass

from wherefrom_studies.findings import Findings, joined
from wherefrom_studies.relatif.digits_found import digits
from wherefrom_studies.relatif.losses import losses
from wherefrom_studies.relatif.networks_found import networks
from wherefrom_studies.relatif.removed import removed
from wherefrom_studies.study import Study, Times


@dataclass(frozen=True)
class RelatIF(Study):
    """Each part is a function of the study; what one has computed is kept under its own name."""

    name = "relatif"
    question = "Whom does each method name, what does it cost, and does training miss them?"
    paper = "a thesis of 2022 that compares influence with RelatIF (Barshan, Brunet & Dziugaite 2020) and plans DIVINE (Bhatt et al. 2021)"
    times = Times(quick=20, full=37, measured=False)

    def run(self) -> Findings:
        return joined(part(self) for part in (digits, losses, networks, removed))
