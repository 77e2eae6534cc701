"""Similarity of embeddings."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch.nn.functional import normalize

import wherefrom as wf


def hidden(p: wf.Problem, examples: Any = None) -> torch.Tensor:
    return torch.tanh(reference.whole(p, examples).inputs @ p.state["0.weight"].T + p.state["0.bias"])


@pytest.mark.parametrize("layer", [None, "1"])
def test_the_three_metrics(layer: str | None) -> None:
    case = problem("mlp")
    left, right = hidden(case.problem, case.queries), hidden(case.problem)
    wanted = {
        "cosine": normalize(left) @ normalize(right).T,
        "dot": left @ right.T,
        "euclidean": -(left[:, None] - right[None]).norm(dim=2),
    }
    own = {"cosine": torch.ones(24).double(), "dot": right.square().sum(1), "euclidean": torch.zeros(24).double()}
    for metric, values in wanted.items():
        method: Any = wf.EmbeddingSimilarity(layer, metric)  # type: ignore[arg-type]
        scores = wf.attribute(method, case.problem, case.queries, progress=False)
        torch.testing.assert_close(scores.values, values)
        torch.testing.assert_close(wf.self_influence(method, case.problem, progress=False), own[metric])
        assert scores.unit == "arbitrary"


def test_top_k_is_not_cut_by_the_last_batch() -> None:
    """24 examples in batches of 10 leave 4 in the last."""
    case = problem("mlp")
    small = replace(case.problem, batch_size=10)
    best, whole = (wf.attribute(wf.EmbeddingSimilarity(), p, case.queries, top=7, progress=False) for p in (small, case.problem))
    assert best.ids.tolist() == whole.ids.tolist() and best.values.shape == (3, 7)


def test_an_embedding_of_zeros_has_cosine_0_and_tiny_ones_are_compared() -> None:
    X = torch.tensor([[0.0, 0.0], [1e-30, 0.0], [2.0, 0.0]]).double()
    data = (X, torch.tensor([0, 1, 0]))
    p = wf.Problem.of(torch.nn.Linear(2, 2).double().eval(), wf.cross_entropy(), data)
    assert wf.attribute(wf.EmbeddingSimilarity(), p, data, progress=False).values.tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]


def test_wrong_settings_are_refused() -> None:
    wrong: Any = "manhattan"
    with pytest.raises(wf.UsageError, match="give 'cosine', 'dot' or 'euclidean'"):
        wf.EmbeddingSimilarity(metric=wrong)
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match="no layer '3'"):
        wf.attribute(wf.EmbeddingSimilarity("3"), case.problem, case.queries)
