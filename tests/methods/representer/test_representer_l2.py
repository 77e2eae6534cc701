"""RPS-L2: stationarity, the decomposition, what peers get wrong, and how far the ranking is one of classes."""

from typing import Any

import pytest
import torch
from helpers import reference
from helpers.digits import digits
from helpers.problems import NAMES, data, problem
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf
from wherefrom.methods.representer.representer_l2 import RepresenterL2

ENDING = [name for name in NAMES if name != "tied weight"]
L2 = 1e-3


def features(p: wf.Problem, examples: Any = None) -> Tensor:
    """Of "mlp", with a column of ones, written apart from the library."""
    batch = reference.whole(p, examples)
    hidden = torch.tanh(batch.inputs @ p.state["0.weight"].T + p.state["0.bias"])
    return torch.cat([hidden, torch.ones(len(batch), 1).double()], 1)


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize("targets", ["model", "labels"])
def test_the_decomposition_is_exact_at_the_stationary_point(name: str, targets: Any) -> None:
    case = problem(name)
    settings = RepresenterL2(l2=1e-2, output=0, targets=targets)
    fitted = settings.fit(case.problem) if targets == "model" else quiet(settings, case.problem)
    assert fitted.fidelity().error <= 1e-8 and fitted.fidelity(case.queries).error <= 1e-8
    summed, refitted, _ = fitted.decompose(case.queries)
    scores = fitted.prepare(case.problem.batches(case.problem.examples(case.queries)))(next(case.problem.batches(size=1000)))
    torch.testing.assert_close(scores.sum(1), summed[:, 0])
    torch.testing.assert_close(scores.sum(1), refitted[:, 0], atol=1e-8, rtol=0)


def quiet(settings: RepresenterL2, p: wf.Problem) -> Any:
    """Fitted without being told that another model than the given one is explained, which labels on an untrained model bring about."""
    import warnings

    with warnings.catch_warnings(action="ignore", category=wf.solvers.SolverWarning):
        return settings.fit(p)


def test_l2_is_optimised_and_the_models_own_outputs_are_the_targets() -> None:
    case = problem("mlp")
    fitted, f = RepresenterL2(l2=L2).fit(case.problem), features(case.problem)
    theta = fitted.alone.state["weight"].clone().requires_grad_()
    own = case.problem.outputs(reference.whole(case.problem).inputs).softmax(1)
    risk = cross_entropy(f @ theta.T, own) + L2 / 2 * theta.square().sum()
    assert torch.autograd.grad(risk, theta)[0].norm() <= 1e-10
    plain = torch.autograd.grad(cross_entropy(f @ theta.T, own), theta)[0]
    assert plain.norm() > 1e-4  # without the penalty it is no stationary point


def test_alpha_is_the_slope_itself_not_times_the_number_of_features() -> None:
    case = problem("mlp")
    f, y = features(case.problem), reference.whole(case.problem).targets
    for targets in ("model", "labels"):
        fitted = quiet(RepresenterL2(l2=0.02, targets=targets), case.problem)  # type: ignore[arg-type]
        p = (f @ fitted.alone.state["weight"].T).softmax(1)
        own = case.problem.outputs(reference.whole(case.problem).inputs).softmax(1)
        wanted = own if targets == "model" else torch.eye(3).double()[y]
        yeh = 0.02 / 2  # λ‖Θ‖² is l2/2 ‖Θ‖²
        torch.testing.assert_close(fitted.alpha, -(p - wanted) / (2 * yeh * len(y)))


def test_each_score_pairs_alpha_with_its_own_example() -> None:
    case = problem("mlp")  # 24 training examples, 3 queries of several classes
    fitted, f, asked = RepresenterL2(l2=L2).fit(case.problem), features(case.problem), features(case.problem, case.queries)
    classes = reference.whole(case.problem, case.queries).targets.tolist()
    assert len(set(classes)) > 1
    scores = wf.attribute(RepresenterL2(l2=L2), case.problem, case.queries, progress=False)
    for q, label in enumerate(classes):
        for i in range(len(f)):
            assert scores.values[q, i] == pytest.approx(float(fitted.alpha[i, label] * (f[i] @ asked[q])), abs=1e-10)
    assert scores.unit == "arbitrary"
    labels = reference.whole(case.problem).targets
    own = wf.self_influence(RepresenterL2(l2=L2), case.problem, progress=False)
    alpha = fitted.alpha[torch.arange(len(f)), labels]
    torch.testing.assert_close(own, alpha * f.square().sum(1))
    torch.testing.assert_close(fitted.importance(), alpha.abs())


def test_the_bias_is_explained_too() -> None:
    case = problem("mlp")
    p = case.problem.at({"2.bias": torch.tensor([5.0, 0.0, -5.0], dtype=torch.float64)}).restricted("2.weight")
    fitted = RepresenterL2(l2=1e-4).fit(p)
    summed, _, own = fitted.decompose(case.queries)
    assert fitted.theta.shape == (3, 6) and (summed.softmax(1) - own.softmax(1)).abs().max() < 0.01 and own.softmax(1).amin() < 1e-3


def test_weights_count_and_an_example_of_weight_0_scores_0() -> None:
    X, y = data(12, "class")
    weights = torch.rand(12) + 0.5
    weights[3] = 0
    p = wf.Problem.of(nn.Linear(4, 3).double().eval(), wf.cross_entropy(), (X, y), weights=weights)
    fitted = RepresenterL2(l2=L2).fit(p)
    assert fitted.fidelity().error <= 1e-8 and fitted.alpha[3].abs().max() == 0
    less = p.without([0, 1])  # N stays
    assert RepresenterL2(l2=L2).fit(less).fidelity().error <= 1e-8


def test_alpha_follows_the_order_of_ids_however_the_data_are_read() -> None:
    """A subset of a loader is read in the loader's order."""
    X, y = data(24, "class")
    weights = torch.rand(24).double() + 0.5
    model, ids = nn.Linear(4, 3).double().eval(), [17, 3, 20, 8, 9, 0, 1, 2]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=5)
    plain, read = (wf.Problem.of(model, wf.cross_entropy(), given, weights=weights).subset(ids) for given in ((X, y), loader))
    one, other = RepresenterL2(l2=L2).fit(plain), RepresenterL2(l2=L2).fit(read)
    torch.testing.assert_close(other.alpha, one.alpha)
    torch.testing.assert_close(other.importance(), one.importance())
    torch.testing.assert_close(other.decompose()[0], one.decompose()[0])
    scores = [wf.attribute(RepresenterL2(l2=L2), p, (X[:2], y[:2]), progress=False).values for p in (plain, read)]
    torch.testing.assert_close(scores[1], scores[0])


def test_a_single_logit_is_turned_round_for_class_0() -> None:
    case = problem("logistic")
    X, _ = case.queries
    asked = [(X, torch.full((len(X),), float(label))) for label in (0, 1)]
    zero, one = (wf.attribute(RepresenterL2(l2=L2), case.problem, queries, progress=False).values for queries in asked)
    torch.testing.assert_close(zero, -one)


def test_a_regression_is_asked_by_the_number_of_its_output() -> None:
    case = problem("ridge")
    with pytest.raises(wf.UsageError, match="output=0"):
        wf.attribute(RepresenterL2(), case.problem, case.queries, progress=False)


def test_a_refit_to_another_model_is_told_beside_the_scores() -> None:
    case = problem("mlp")
    with pytest.warns(wf.solvers.SolverWarning, match="lower l2=1"):
        scores = wf.attribute(RepresenterL2(l2=1.0), case.problem, case.queries, progress=False)
    assert "softmax correlates" in scores.notes[0]


def test_fidelity_grows_as_l2_falls_and_is_undefined_for_constant_outputs() -> None:
    case = problem("mlp")
    values = [quiet(RepresenterL2(l2=l2), case.problem).fidelity().softmax.value for l2 in (1e-1, 1e-2, 1e-3)]
    assert values == sorted(values) and values[-1] > 0.999
    zero = case.problem.at({name: torch.zeros_like(value) for name, value in case.problem.parameters.items()})
    assert RepresenterL2().fit(zero).fidelity().softmax.status == "undefined"


def test_wrong_settings_are_refused() -> None:
    wrong: Any = "both"
    with pytest.raises(wf.UsageError, match="'model' or 'labels'"):
        RepresenterL2(targets=wrong)
    with pytest.raises(wf.UsageError, match="numbers above 0"):
        RepresenterL2(l2=0.0)
    large = wf.Problem.of(nn.Linear(4, 3).double().eval(), wf.cross_entropy(), data(15_000, "class"), memory=2**20)
    with pytest.raises(wf.UsageError, match="use problem.subset, or raise memory="):
        RepresenterL2().fit(large)
    with pytest.raises(wf.UsageError, match="outputs are an nn.Linear's"):
        RepresenterL2().fit(problem("tied weight").problem)


def same_class_pairs(classes: Tensor) -> Tensor:
    """Pairs of different queries of one class."""
    return torch.triu(classes[:, None] == classes[None], 1).nonzero()


def test_on_digits_the_ranking_is_one_of_classes_and_influences_is_not() -> None:
    p, (X, y), _ = digits()
    X, y = X[:60], y[:60]
    ihvp, labels, pairs = wf.IHVP().fit(p), reference.whole(p).targets, same_class_pairs(y)
    share, agreement = {}, {}
    methods = {"representer": RepresenterL2(l2=1e-3), "influence": wf.InfluenceFunction(ihvp), "relatif": wf.RelatIF(ihvp)}
    for name, method in methods.items():
        values = wf.attribute(method, p, (X, y), progress=False).values
        share[name] = float((labels[values.topk(10, 1).indices] == y[:, None]).double().mean())
        ranks = values.argsort(1).argsort(1).double()
        agreement[name] = float(torch.corrcoef(ranks)[pairs[:, 0], pairs[:, 1]].mean())
    assert share["representer"] >= 0.99 and agreement["representer"] >= 0.9 > agreement["influence"] + 0.2
