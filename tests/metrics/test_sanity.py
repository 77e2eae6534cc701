"""Checks beside their chance: definitions, random scores, empty filters, constant scores."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

import wherefrom as wf


def scores(values: torch.Tensor) -> wf.Scores:
    return wf.Scores(values, np.arange(len(values)), np.arange(100, 100 + values.shape[1]), "arbitrary", "given")


def near(found: wf.metrics.Estimate) -> bool:
    return abs(found.value - found.chance) < 3 * (found.high - found.low) / 2 / 1.96


def test_class_detection_counts_labels_of_the_top() -> None:
    train, asked = torch.randint(0, 3, (30,)), torch.randint(0, 3, (8,))
    matcher = scores((train == asked[:, None]).double() + 0.1 * torch.rand(8, 30))
    assert wf.metrics.class_detection(matcher, train, asked, k=3).value == 1
    by_id = wf.metrics.class_detection(matcher.top(3), dict(zip(range(100, 130), train.tolist(), strict=True)), asked, k=3)
    assert by_id.value == 1 and by_id.chance == pytest.approx(np.mean([(train == label).double().mean() for label in asked]))
    some = scores(torch.randn(8, 30))
    expected = (train[some.values.argsort(1, descending=True)[:, :4]] == asked[:, None]).double().mean()
    assert wf.metrics.class_detection(some, train, asked, k=4).value == pytest.approx(float(expected))


def test_marked_detection_is_scikit_learns_average_precision() -> None:
    some, marked = scores(torch.randn(7, 30).double()), [103, 110, 127]
    truth = np.isin(some.train_ids, marked)
    each = [average_precision_score(truth, row) for row in some.values]
    assert wf.metrics.marked_detection(some, marked).value == pytest.approx(np.mean(each), abs=1e-12)
    assert wf.metrics.marked_detection(some, marked, queries=[1, 4, 5, 0, 2]).value == pytest.approx(
        np.mean([each[i] for i in (1, 4, 5, 0, 2)]), abs=1e-12
    )


def test_an_empty_filter_is_undefined() -> None:
    """quanda returns 0.0 for shortcuts and NaN for mixed data where no query passes."""
    some = scores(torch.randn(7, 30))
    for found in (
        wf.metrics.marked_detection(some, [101], queries=[]),
        wf.metrics.marked_detection(some, []),
        wf.metrics.marked_detection(some, some.train_ids),
    ):
        assert found.status == "undefined" and found.value is None


def test_constant_scores_are_undefined() -> None:
    flat = scores(torch.ones(6, 30))
    for found in (
        wf.metrics.class_detection(flat, np.zeros(30), np.zeros(6)),
        wf.metrics.marked_detection(flat, [101]),
        wf.metrics.randomised_model(flat, [flat] * 5),
        wf.metrics.distinct_top(flat),
    ):
        assert found.status == "undefined" and found.value is None


def test_random_scores_give_chance() -> None:
    random, train, asked = scores(torch.randn(500, 40)), torch.randint(0, 3, (40,)), torch.randint(0, 3, (500,))
    assert near(wf.metrics.class_detection(random, train, asked, k=4)) and near(wf.metrics.marked_detection(random, [100, 107, 113]))
    assert near(wf.metrics.randomised_model(random, [scores(torch.randn(500, 40)) for _ in range(5)]))
    drawn = np.array([wf.metrics.distinct_top(scores(torch.randn(12, 40)), k=4).value for _ in range(300)])
    assert abs(drawn.mean() - wf.metrics.distinct_top(scores(torch.randn(12, 40)), k=4).chance) < 3 * drawn.std() / 300**0.5


def test_the_randomised_model_is_averaged_over_draws() -> None:
    some = scores(torch.randn(6, 30))
    assert wf.metrics.randomised_model(some, [some] * 5).value == pytest.approx(1)
    one = wf.metrics.randomised_model(some, scores(torch.randn(6, 30)))
    assert one.status == "underpowered" and "1 drawn models" in one.reason


def test_distinct_examples_are_counted_by_id() -> None:
    """quanda keeps indices as float32, where ids above 2^24 collide."""
    ids = np.arange(2**24, 2**24 + 12)
    spread = wf.Scores(torch.eye(6).repeat(1, 2), np.arange(6), ids, "arbitrary", "given")
    assert wf.metrics.distinct_top(spread, k=1).value == 1 and wf.metrics.distinct_top(spread.top(2), n=12).value == 1
    same = wf.Scores(torch.arange(12.0).repeat(6, 1), np.arange(6), ids, "arbitrary", "given")
    found = wf.metrics.distinct_top(same, k=2)
    assert found.value == pytest.approx(1 / 6) and found.low <= found.value <= found.high and found.chance > 0.5
    assert wf.metrics.distinct_top(same, k=12).status == "vacuous"


def test_what_does_not_fit_is_refused() -> None:
    some = scores(torch.randn(3, 6))
    for call, said in (
        (lambda: wf.metrics.class_detection(some.top(2), [0] * 6, [0] * 3), "give a mapping"),
        (lambda: wf.metrics.class_detection(some, [0] * 5, [0] * 3), "5 labels for 6"),
        (lambda: wf.metrics.class_detection(some, {100: 1}, [0] * 3), "has no label"),
        (lambda: wf.metrics.class_detection(some, [0] * 6, [0] * 3, k=7), "k=7"),
        (lambda: wf.metrics.distinct_top(some.top(2)), "give n="),
        (lambda: wf.metrics.distinct_top(some.top(2), k=3, n=6), "k=3"),
        (lambda: wf.metrics.randomised_model(some, []), "at least one"),
        (lambda: wf.metrics.marked_detection(some, [7]), "Id 7 is not among"),
    ):
        with pytest.raises(wf.UsageError, match=said):
            call()
