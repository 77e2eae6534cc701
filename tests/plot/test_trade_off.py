"""The trade-off of influence and diversity as a picture."""

import torch

import wherefrom as wf


def test_every_gamma_is_a_point_and_the_one_used_is_marked() -> None:
    selection = wf.select.divine(torch.rand(30), torch.randn(30, 2), 5)
    drawn = wf.plot.trade_off(selection).to_dict()
    tables = sorted(drawn["datasets"].values(), key=len)
    assert [row["γ"] for row in tables[-1]] == list(selection.curve.gamma)
    assert len(tables[0]) == 1 and tables[0][0]["influence"] == selection.influence and tables[0][0]["γ"] == selection.gamma
