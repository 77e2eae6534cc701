"""Ready trainers are settings."""

from helpers.problems import problem

import wherefrom as wf
from wherefrom.retraining.run import TrainMany


def test_newton_is_a_trainer_of_many_and_prints_its_settings() -> None:
    trainer = wf.train.newton(1e-8, 50)
    assert isinstance(trainer, TrainMany) and repr(trainer) == "Newton(tolerance=1e-08, max_iterations=50)"
    assert trainer == wf.train.newton(1e-8, 50)


def test_the_seed_changes_nothing() -> None:
    p = problem("softmax").problem
    one, other = (wf.train.newton()(p, seed).parameters for seed in (0, 1))
    assert all(value.equal(other[name]) for name, value in one.items())
