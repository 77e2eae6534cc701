"""Settings for another run."""

import torch

import wherefrom as wf
from wherefrom.uncertainty.settings import has_seed, reseeded, unfitted


def test_settings_are_found_wherever_they_are() -> None:
    X, y = torch.randn(20, 3, dtype=torch.float64), torch.arange(20) % 2
    problem = wf.Problem.of(torch.nn.Linear(3, 2).double().eval(), wf.cross_entropy(), (X, y))
    fitted = wf.RelatIF(wf.IHVP(wf.EKFAC(seed=3), wf.LiSSA(seed=5), damping=0.1).fit(problem))
    settings = unfitted(fitted)
    assert settings == wf.RelatIF(wf.IHVP(wf.EKFAC(seed=3), wf.LiSSA(seed=5), damping=0.1))
    assert reseeded(settings, 1).ihvp.curvature.seed == 5 and reseeded(settings, 1).ihvp.solver.seed == 7 and has_seed(settings)
    exact = wf.IHVP(wf.Hessian(), wf.Exact())
    assert not has_seed(wf.InfluenceFunction()) and unfitted(wf.InfluenceFunction(exact)) == wf.InfluenceFunction(exact)
