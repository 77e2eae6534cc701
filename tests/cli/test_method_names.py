"""The one table of method names: what each command offers, and what it refuses."""

import pytest
import torch

import wherefrom as wf
from wherefrom.cli.method_names import METHODS, OF_ONE_MODEL, USUAL, MethodParts, method_of_model, methods_of_runs


def parts(classes: bool = True, run: wf.retraining.Run | None = None) -> MethodParts:
    X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(20) % 3 if classes else X[:, :1] * 2 + 0.3
    model = torch.nn.Linear(3, 3 if classes else 1, dtype=torch.float64).eval()
    return MethodParts(wf.Problem.of(model, (wf.cross_entropy if classes else wf.squared_error)(l2=0.1), (X, y)), 3, run)


def test_a_single_model_is_offered_all_that_needs_no_checkpoints() -> None:
    assert set(METHODS) - set(OF_ONE_MODEL) == {"tracin"}
    assert all(method_of_model(name).name == name for name in OF_ONE_MODEL)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("influense", "There is no method 'influense'. Did you mean 'influence'? Choose among influence, leverage"),
        ("tracin", "tracin needs checkpoints, which a single model does not have"), ("", "There is no method ''. Choose among"),
    ],
)  # fmt: skip
def test_another_name_is_refused_with_the_nearest(name: str, sentence: str) -> None:
    with pytest.raises(wf.UsageError) as error:
        method_of_model(name)
    assert sentence in str(error.value)


def test_runs_are_offered_every_method_and_random_comes_last() -> None:
    assert list(methods_of_runs(" tracin, random,influence ,")) == ["tracin", "influence", "random"]
    assert set(methods_of_runs(USUAL)) <= set(METHODS) and set(methods_of_runs(",".join(METHODS))) == set(METHODS)
    for names, sentence in (("traccin", "Did you mean 'tracin'?"), ("random", "at least one besides random"), ("", "at least one besides random")):
        with pytest.raises(wf.UsageError, match=sentence):
            methods_of_runs(names)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_made_and_scores(name: str) -> None:
    problem = parts().problem
    made = parts(run=wf.retraining.Run(problem.parameters, (problem.parameters,), (0.1,)))
    scores = wf.attribute(METHODS[name].make(made), made.problem, (torch.zeros(2, 3), torch.tensor([0, 1])), progress=False)
    assert scores.values.shape == (2, 20) and METHODS[name].title


def test_the_curvature_is_fitted_where_it_is_needed_and_once() -> None:
    made = parts()
    METHODS["gradient-dot"].make(made)
    assert "ihvp" not in vars(made) and made.notes == ()
    METHODS["influence"].make(made)
    assert made.ihvp is made.ihvp and "ihvp" in vars(made)


def test_a_draw_is_the_seed_and_a_regression_is_asked_for_its_output() -> None:
    assert METHODS["random"].make(parts()) == wf.methods.RandomScores(3)
    assert METHODS["representer"].make(parts(classes=False)) == wf.methods.RepresenterL2(output=0)
    assert METHODS["representer"].make(parts()) == wf.methods.RepresenterL2()
