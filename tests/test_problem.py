"""Problems: what they hold, and what they refuse."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.data.batches import joined

X, Y = torch.randn(6, 2), torch.tensor([0, 1, 0, 1, 0, 1])


def linear() -> nn.Module:
    return nn.Linear(2, 2).eval()


def make(train: Any = (X, Y), model: nn.Module | None = None, objective: wf.Objective | None = None, **settings: Any) -> wf.Problem:
    return wf.Problem.of(model or linear(), objective or wf.cross_entropy(l2=0.1), train, **settings)


def test_without_keeps_n_subset_has_its_own() -> None:
    p = make(weights=torch.arange(1.0, 7.0))
    assert len(p.without([0, 5])) == 4 and p.without([0, 5]).normaliser == 21
    assert p.without([0, 5]).renormalised().normaliser == 14
    assert p.subset([5, 0]).normaliser == 7 and p.subset([5, 0]).ids.tolist() == [5, 0]
    assert p.subset([5, 0]).weights.tolist() == [6, 1]


def test_a_chosen_subset_of_parameters() -> None:
    case = problem("mlp, last layer")
    assert case.problem.names == ("2.weight", "2.bias") and case.problem.size == 18
    frozen = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)).eval()
    frozen[0].requires_grad_(False)
    assert make(model=frozen).names == ("1.weight", "1.bias")


def test_at_and_to() -> None:
    p = make()
    moved = p.at({"bias": torch.ones(2)})
    assert moved.parameters["bias"].tolist() == [1, 1] and moved.fingerprint() != p.fingerprint()
    assert p.to(torch.float64).dtype == torch.float64 and p.model.weight.dtype == torch.float32


def test_fingerprint_changes_with_everything_that_matters() -> None:
    model = linear()
    prints = {
        make(model=model).fingerprint(),
        make(model=model, objective=wf.cross_entropy(l2=0.2)).fingerprint(),
        make(model=model, ids=list("abcdef")).fingerprint(),
        make(model=model, weights=torch.arange(1.0, 7.0)).fingerprint(),
        make((X + 1, Y), model).fingerprint(),
        make(model=model, parameters="bias").fingerprint(),
        make(model=model).without([3]).fingerprint(),
    }
    assert len(prints) == 7 and make(model=model).fingerprint() in prints


def test_outputs_with_logits_and_several_inputs() -> None:
    class Says:
        def __init__(self, logits: torch.Tensor) -> None:
            self.logits = logits

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> Says:
            return Says(self.layer(a + b))

    p = make(((X, X), Y), Two().eval())
    torch.testing.assert_close(wf.attribute(wf.GradientDot(), p, ((X, X), Y)).values, wf.attribute(wf.GradientDot(), p, ({"a": X, "b": X}, Y)).values)


def test_a_split_of_ones_own() -> None:
    batches = [{"x": X, "y": Y}]
    p = make(batches, split=lambda batch: (batch["x"], batch["y"]))
    torch.testing.assert_close(reference.whole(p).inputs, X)


def test_describe_names_what_counts() -> None:
    text = make(objective=wf.cross_entropy(l2={"weight": 0.5})).describe()
    assert "6 training examples" in text and "weight  (2, 2), l2 0.5" in text and "bias    (2,), l2 0" in text


def refused(message: str, **settings: Any) -> None:
    with pytest.raises(wf.UsageError, match=message):
        p = make(**settings)
        wf.attribute(wf.GradientDot(), p, (X, Y))


def test_train_mode_is_refused() -> None:
    refused(r"train mode.*model\.eval\(\)", model=nn.Linear(2, 2))
    model = linear()
    p = make(model=model)
    model.train()
    with pytest.raises(wf.UsageError, match="train mode"):
        wf.attribute(wf.GradientDot(), p, (X, Y))


def test_nan_is_refused_by_row_and_column() -> None:
    bad = X.clone()
    bad[4, 1] = math.nan
    refused("Row 4, column 1 holds nan", train=(bad, Y))
    refused("Row e, column 1 holds nan", train=(bad, Y), ids=list("abcdef"))
    with pytest.raises(wf.UsageError, match="Row 4, column 1 holds nan"):
        wf.attribute(wf.GradientDot(), make(), (bad, Y))
    refused("Row 4, column 1 holds nan", train=[(bad, Y)])


def test_a_loss_that_is_not_finite_is_refused_by_example() -> None:
    refused("The loss of example 2 is inf", objective=wf.Objective(lambda o, t: torch.where(torch.arange(len(o)) == 2, math.inf, o.sum(1))))


def test_a_reduced_loss_is_refused() -> None:
    refused(r'unreduced \(reduction="none"\)', objective=wf.Objective(lambda o, t: nn.functional.cross_entropy(o, t)))
    refused(r"came as \(5, 2\)", objective=wf.Objective(lambda o, t: o))
    refused("came as float", objective=wf.Objective(lambda o, t: 1.0))  # type: ignore[arg-type,return-value]


def test_mismatched_shapes_are_refused() -> None:
    refused("The tensors have 6 and 5 rows", train=(X, Y[:5]))
    refused("A batch has tensors of 5 and 6 rows", train=[(X, Y[:5])])
    refused("one target for each example", train=[(X, Y)], split=lambda batch: (batch[0], batch[1][:3]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ids": [1, 1, 2, 3, 4, 5]}, "Id 1 stands for 2 examples"),
        ({"ids": [1, 2]}, "2 ids for 6 examples"),
        ({"ids": np.array([0.5] * 6)}, "neither whole numbers nor text"),
        ({"parameters": "wieght"}, "No parameter matches 'wieght'. Did you mean 'weight'"),
        ({"weights": [1, 2]}, "weights must be 6 finite numbers"),
        ({"weights": [-1, 1, 1, 1, 1, 1]}, "of 0 or more"),
        ({"weights": [0.0] * 6}, "not all 0"),
        ({"objective": wf.cross_entropy(l2={"wieght": 1})}, "l2 pattern 'wieght' matches no parameter. Did you mean 'weight'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"memory": "much"}, "is not a size"),
        ({"model": nn.ReLU().eval()}, "no parameters that require grad"),
        ({"train": (X[:0], Y[:0])}, "There are no examples"),
        ({"train": ((x, y) for x, y in [(X, Y)])}, "read only once"),
        ({"train": 3}, "int is no data"),
        ({"train": {"x": X, "y": Y}}, "without 'labels'; pass split="),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    refused(message, **settings)


def test_weights_that_are_not_finite_are_refused() -> None:
    model = linear()
    model.weight.data[0, 0] = math.nan
    refused("Parameter 'weight' holds values that are not finite", model=model)


def test_unknown_ids_and_parameters_are_refused() -> None:
    p = make()
    with pytest.raises(wf.UsageError, match="Id 9 is not among the 6 training ids"):
        p.without([9])
    with pytest.raises(wf.UsageError, match="each id once"):
        p.subset([1, 1])
    with pytest.raises(wf.UsageError, match="no parameter 'wieght'. Did you mean 'weight'"):
        p.at({"wieght": torch.ones(2, 2)})
    with pytest.raises(wf.UsageError, match=r"has shape \(2, 2\), not \(2,\)"):
        p.at({"weight": torch.ones(2)})


@dataclass
class Pair:
    left: Tensor
    right: Tensor


class OfPairs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, pair: Pair) -> Tensor:
        return self.layer(torch.cat([pair.left, pair.right], 1))


def test_inputs_may_be_a_dataclass() -> None:
    X, y = torch.randn(20, 6), torch.randint(3, (20,))
    model = OfPairs().eval()
    boxed = wf.Problem.of(model, wf.cross_entropy(), (Pair(X[:, :4], X[:, 4:]), y))
    plain = wf.Problem.of(model.layer, wf.cross_entropy(), (X, y))
    found = wf.attribute(wf.GradientDot(), boxed, (Pair(X[:2, :4], X[:2, 4:]), y[:2]))
    torch.testing.assert_close(found.values, wf.attribute(wf.GradientDot(), plain, (X[:2], y[:2])).values)


@dataclass
class Tagged:
    """Inputs, a tag that no model reads, and labels."""

    tag: torch.Tensor
    X: torch.Tensor
    y: torch.Tensor


def everything(p: wf.Problem) -> torch.Tensor:
    return joined(p.batches()).inputs


def test_replaced_inputs_stand_in_place_of_the_old_in_every_form_of_data() -> None:
    batches = [(X[:4], Y[:4]), (X[4:], Y[4:])]
    forms: list[tuple[Any, dict[str, Any]]] = [
        ((X, Y), {}), (batches, {}), (torch.utils.data.TensorDataset(X, Y), {}), (Tagged(Y, X, Y), {"split": lambda data: (data.X, data.y)}),
    ]  # fmt: skip
    expected = X.clone()
    expected[[5, 2]] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    for data, settings in forms:
        p = make(data, ids=list("abcdef"), weights=torch.arange(1.0, 7.0), **settings)
        new = p.replaced(["f", "c"], expected[[5, 2]])
        torch.testing.assert_close(everything(new), expected)
        torch.testing.assert_close(everything(p), X)
        assert new.ids.tolist() == p.ids.tolist() and torch.equal(new.weights, p.weights) and new.normaliser == 21
        assert new.fingerprint() != p.fingerprint() != new.replaced(["a"], X[:1] + 1).fingerprint()
        torch.testing.assert_close(everything(new.without(["a", "c"])), expected[[1, 3, 4, 5]])
        torch.testing.assert_close(everything(new.subset(["f", "a"])), expected[[5, 0]])
        torch.testing.assert_close(everything(p.without(["a"]).replaced(["f", "c"], expected[[5, 2]])), expected[1:])
        torch.testing.assert_close(everything(new.replaced(["f", "c"], X[[5, 2]])), X)


def test_replaced_inputs_of_several_leaves_and_with_more_digits() -> None:
    p = problem("sequence in a dictionary").problem
    old = reference.whole(p).inputs
    new = p.replaced([3, 1], {"tokens": old["tokens"][[3, 1]] + 1, "mask": old["mask"][[3, 1]]})
    torch.testing.assert_close(everything(new)["tokens"][[3, 1]], old["tokens"][[3, 1]] + 1)  # type: ignore[call-overload]
    fine = torch.full((1, 2), 1 / 3, dtype=torch.float64)
    assert everything(make().to(torch.float64).replaced([0], fine))[0, 0] == 1 / 3


def test_other_targets_stand_in_place_of_the_old() -> None:
    batches = [(X[:4], Y[:4]), (X[4:], Y[4:])]
    for data in ((X, Y), batches, torch.utils.data.TensorDataset(X, Y)):
        p = make(data, ids=list("abcdef"), weights=torch.arange(1.0, 7.0))
        new = p.relabelled(["f", "c"], [1 - int(Y[5]), 1 - int(Y[2])])
        expected = Y.clone()
        expected[[5, 2]] = 1 - expected[[5, 2]]
        assert joined(new.batches()).targets.tolist() == expected.tolist() and joined(p.batches()).targets.tolist() == Y.tolist()
        assert torch.equal(everything(new), X) and new.ids.tolist() == p.ids.tolist()
        assert torch.equal(new.weights, p.weights) and new.normaliser == 21 and new.train.total == p.train.total
        assert np.array_equal(new.train.rows, p.train.rows) and new.fingerprint() != p.fingerprint()
        assert joined(new.relabelled(["f", "c"], Y[[5, 2]]).batches()).targets.tolist() == Y.tolist()
        assert joined(new.without(["a", "c"]).batches()).targets.tolist() == expected[[1, 3, 4, 5]].tolist()
        assert joined(p.without(["a"]).relabelled(["f", "c"], expected[[5, 2]]).batches()).targets.tolist() == expected[1:].tolist()
        assert new.train.in_memory().source.read(np.arange(6), 6).__next__()[1][1].tolist() == expected.tolist()


def test_whole_numbers_are_labels_of_floats_and_floats_no_classes() -> None:
    p = problem("logistic").problem
    new = joined(p.relabelled([3], [1]).batches()).targets
    assert new.dtype == p.dtype and new[3] == 1
    with pytest.raises(wf.UsageError, match=r"new targets have shape \(1,\) \(torch.float32\); give \(1,\) \(torch.int64\), one row"):
        make().relabelled([0], [0.5])
    with pytest.raises(wf.UsageError, match=r"new targets have shape \(1,\)"):
        make().relabelled([0, 1], [1])
    with pytest.raises(wf.UsageError, match="split= computes targets from the data"):
        make(split=lambda data: (data[0], data[1] * 1)).relabelled([0], [1])
    with pytest.raises(wf.UsageError, match="inputs are one tensor with the targets; give them as a tensor of their own"):
        make(split=lambda data: (data[0], data[0])).replaced([0], X[:1])


def test_what_cannot_be_replaced_is_refused() -> None:
    p = make()
    with pytest.raises(wf.UsageError, match=r"shape \(2, 2\) \(torch.float32\); give \(1, 2\) \(torch.float32\), one row"):
        p.replaced([0], X[:2])
    with pytest.raises(wf.UsageError, match=r"\(torch.int64\); give \(1, 2\) \(torch.float32\)"):
        p.replaced([0], torch.ones(1, 2, dtype=torch.int64))
    with pytest.raises(wf.UsageError, match="hold 2 tensors and the old 1"):
        p.replaced([0], (X[:1], X[:1]))
    with pytest.raises(wf.UsageError, match="at least one example, and to each once"):
        p.replaced([1, 1], X[:2])
    with pytest.raises(wf.UsageError, match="at least one example, and to each once"):
        p.replaced([], X[:0])
    with pytest.raises(wf.UsageError, match="9 is not among"):
        p.replaced([9], X[:1])
    with pytest.raises(wf.UsageError, match="put that step into the data or the model"):
        make(split=lambda data: (data[0] / 2, data[1])).replaced([0], X[:1])
    with pytest.raises(wf.UsageError, match="Row 4, column 0 holds nan"):
        p.replaced([4], X[:1] * math.nan)


def test_batches_of_any_source_are_joined_by_position() -> None:
    case = problem("mlp")
    X, y = case.problem.train.source.tree  # type: ignore[attr-defined]
    wanted = np.array([20, 3, 7, 4])
    for data in ((X, y), [(X[:5], y[:5]), (X[5:], y[5:])]):
        p = wf.Problem.of(case.problem.model, case.problem.objective, data)
        found = joined(p.batches(p.train.take(wanted), weights=torch.arange(4.0)))
        assert found.ids.tolist() == wanted.tolist() and found.positions.tolist() == [0, 1, 2, 3] and found.weights.tolist() == [0, 1, 2, 3]
        assert torch.equal(found.inputs, X[wanted]) and torch.equal(found.targets, y[wanted])
    with pytest.raises(wf.UsageError, match="pad them to one length"):
        joined(wf.Problem.of(nn.Linear(4, 3).eval(), wf.cross_entropy(), [(X, y), (X[:, None], y)]).batches())
