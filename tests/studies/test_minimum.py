"""A descent comes to where the gradient is 0, with or without a factor, and the curvature is the library's own."""

import torch

import wherefrom as wf
from wherefrom_studies.fragility.iris.experiment import Network, flowers
from wherefrom_studies.minimum import TOLERANCE, Warm, descended, risk, written_out


def problem() -> wf.Problem:
    X, y = flowers()
    return wf.Problem.of(Network(1, 4, "tanh", 0.01).build(), wf.cross_entropy(l2=0.01), (X, y)).initialised(0)


def test_a_minimum_and_a_retraining_agree_with_newton() -> None:
    start = problem()
    theta, size = descended(start)
    there = start.at(start.unflatten(theta))
    assert size < TOLERANCE and abs(float(risk(start)(theta)[1].norm()) - size) < 1e-12
    factor = torch.linalg.cholesky(written_out(wf.Hessian(), there, there.restricted("2.*")))
    trainer = Warm(factor, [])
    for ids in ([70], [83, 106]):
        found = trainer(there.without(ids), 0)
        exact = wf.train.newton(1e-10)(there.without(ids), 0).parameters
        assert float((start.flatten(found) - start.flatten(exact)).norm()) < 1e-5
    assert max(trainer.left) < 2 * TOLERANCE


def test_the_curvature_written_out_in_parts_is_the_whole() -> None:
    one = problem()
    for curvature in (wf.Hessian(), wf.GaussNewton()):
        torch.testing.assert_close(written_out(curvature, one, one.restricted("2.*")), curvature.fit(one).dense())
