"""Settings for another run."""

import torch

import whence as wh
from whence.uncertainty.settings import has_seed, reseeded, unfitted


def test_settings_are_found_wherever_they_are() -> None:
    X, y = torch.randn(20, 3, dtype=torch.float64), torch.arange(20) % 2
    problem = wh.Problem.of(torch.nn.Linear(3, 2).double().eval(), wh.cross_entropy(), (X, y))
    fitted = wh.RelatIF(wh.IHVP(wh.EKFAC(seed=3), wh.LiSSA(seed=5), damping=0.1).fit(problem))
    settings = unfitted(fitted)
    assert settings == wh.RelatIF(wh.IHVP(wh.EKFAC(seed=3), wh.LiSSA(seed=5), damping=0.1))
    assert reseeded(settings, 1).ihvp.curvature.seed == 5 and reseeded(settings, 1).ihvp.solver.seed == 7 and has_seed(settings)
    exact = wh.IHVP(wh.Hessian(), wh.Exact())
    assert not has_seed(wh.InfluenceFunction()) and unfitted(wh.InfluenceFunction(exact)) == wh.InfluenceFunction(exact)
