"""Schedules rise and fall as they say."""

from wherefrom.retraining.train.schedules import Constant, Cosine, Linear, Milestones


def test_schedules_by_their_ends() -> None:
    assert Constant()(7, 10) == 1
    assert Cosine()(0, 10) == 1 and abs(Cosine()(5, 10) - 0.5) < 1e-12 and abs(Cosine(floor=0.1)(10, 10) - 0.1) < 1e-12
    assert Linear()(0, 10) == 1 and Linear()(5, 10) == 0.5 and abs(Linear(floor=0.2)(10, 10) - 0.2) < 1e-12
    assert [Milestones((0.5, 0.75), 0.1)(t, 8) for t in (0, 3)] == [1, 1]
    assert abs(Milestones((0.5, 0.75), 0.1)(4, 8) - 0.1) < 1e-12 and abs(Milestones((0.5, 0.75), 0.1)(7, 8) - 0.01) < 1e-12


def test_warm_up_rises_in_equal_steps_below_one() -> None:
    for schedule in (Cosine(0.4), Linear(0.4)):
        assert [round(schedule(t, 10), 12) for t in range(5)] == [0.2, 0.4, 0.6, 0.8, 1.0]
