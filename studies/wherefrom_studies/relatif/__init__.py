"""Influence, RelatIF and DIVINE side by side, after a thesis of 2022."""

from typing import Any

from wherefrom_studies.findings import Numbers
from wherefrom_studies.part import Part
from wherefrom_studies.relatif.digits import DIGITS, cell_number, few_number, images_number, method_number
from wherefrom_studies.relatif.losses import CLASSES, LOSS_FUNCTIONS, loss_number
from wherefrom_studies.relatif.networks import IMAGE_NETWORKS, NETWORKS, network_number
from wherefrom_studies.relatif.removal import REMOVAL, arm_number, count_of, spread_number
from wherefrom_studies.relatif.softmax import size_of
from wherefrom_studies.study import Study, Times


class RelatIFStudy(Study):
    """Softmax regressions on digits, networks on CIFAR-10, a binary network by loss, and training without what each method names."""

    name = "relatif"
    question = "Whom does each method name, what does it cost, and does training miss them?"
    paper = "a thesis of 2022 that compares influence with RelatIF (Barshan, Brunet & Dziugaite 2020) and plans DIVINE (Bhatt et al. 2021)"
    times = Times(quick=20, full=37, measured=False)

    def parts(self) -> tuple[Part[Any, Any], ...]:
        return DIGITS, LOSS_FUNCTIONS, IMAGE_NETWORKS, REMOVAL

    def words(self, numbers: Numbers) -> dict[str, Any]:
        return {
            "size": size_of(self),
            "left_out": count_of(self),
            "classes": CLASSES,
            "architectures": NETWORKS,
            "digits": method_number,
            "few": few_number,
            "cell": cell_number,
            "of_images": images_number,
            "loss": loss_number,
            "network": network_number,
            "removed": arm_number,
            "spread": spread_number,
        }


__all__ = ["RelatIFStudy"]
