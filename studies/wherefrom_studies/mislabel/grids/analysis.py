"""Several methods' lists of one image as one: a list for each method. There are no numbers to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.findings import Numbers
from wherefrom_studies.mislabel.grids.experiment import ExplainedNetwork, Explanation
from wherefrom_studies.mislabel.networks import TrainedNetwork
from wherefrom_studies.study import Study


@dataclass(frozen=True, eq=False)
class NetworkGrids:
    """What the grids of one network show: its wrong predictions explained, and all methods' lists of each of its first held-out images."""

    net: TrainedNetwork
    wrong: Explanation
    lists: Sequence[wf.TopScores]


@dataclass(frozen=True, eq=False)
class GridResults:
    """The grids of each network."""

    grids: Sequence[NetworkGrids]
    numbers: Numbers = field(default_factory=dict)


def number_names(study: Study) -> set[str]:
    """Return no name: pictures have no numbers."""
    return set()


def analyse(networks: Sequence[ExplainedNetwork]) -> GridResults:
    """Return the lists of each network's images, all methods in one."""
    return GridResults([NetworkGrids(each.net, each.wrong, [stack_lists(tops) for tops in each.tops]) for each in networks])


def stack_lists(tops: Mapping[str, wf.TopScores]) -> wf.TopScores:
    """Return one query's lists by several methods as a list for each method."""

    def stack(lists: list[wf.TopScores]) -> wf.TopScores:
        values, ids = torch.cat([each.values.double() for each in lists]), np.concatenate([each.ids for each in lists])
        return wf.TopScores(values, ids, np.array(list(tops)), "arbitrary", "several", lists[0].by)

    proponents, opponents = stack(list(tops.values())), stack([each.opponents for each in tops.values() if each.opponents is not None])
    return wf.TopScores(proponents.values, proponents.ids, proponents.query_ids, "arbitrary", "several", opponents=opponents)
