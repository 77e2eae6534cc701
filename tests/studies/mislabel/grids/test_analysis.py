"""Several methods' lists of one image are one."""

import torch

import wherefrom as wf
from wherefrom_studies.mislabel.grids.analysis import stack_lists


def test_lists_of_several_methods_stand_one_below_the_other() -> None:
    scores = [wf.Scores(torch.randn(1, 5), torch.zeros(1).numpy(), torch.arange(5).numpy(), "arbitrary", name) for name in "ab"]
    tops = {one.method: one.top(2) for one in scores}
    found = stack_lists(tops)
    assert found.query_ids.tolist() == ["a", "b"] and found.opponents is not None
    for place, one in enumerate(tops.values()):
        assert found.ids[place].tolist() == one.ids[0].tolist() and one.opponents is not None
        assert found.opponents.ids[place].tolist() == one.opponents.ids[0].tolist()
