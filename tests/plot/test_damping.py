"""The curve of dampings as a picture."""

import math

import wherefrom as wf


def test_the_chosen_is_marked_and_refused_ones_are_left_out() -> None:
    curve = wf.solvers.DampingCurve((0.01, 0.1, 1.0), (math.inf, -2.0, -1.0), (0.0, 1.0, 0.8))
    drawn = wf.plot.damping(curve).to_dict()
    rows = [row for data in drawn["datasets"].values() for row in data]
    assert {"multiple": 0.1} in rows and not any(row.get("multiple") == 0.01 for row in rows)
