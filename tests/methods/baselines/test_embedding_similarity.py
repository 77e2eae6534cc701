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
    with pytest.raises(wf.UsageError, match="give 'mean', or None"):
        wf.EmbeddingSimilarity(pooling="max")  # type: ignore[arg-type]
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match="no layer '3'"):
        wf.attribute(wf.EmbeddingSimilarity("3"), case.problem, case.queries)


@pytest.mark.parametrize("layer", [None, "inner"])
def test_tokens_are_pooled_without_their_padding(layer: str | None) -> None:
    """The mean hidden state of each sequence, whatever it is padded with and how long its batch is."""
    p, rows = token_problem()
    short = {name: value[:2, :3] for name, value in rows.items()}
    hidden = [
        p.model.inner(p.model.words(row[mask]))[None].mean(1) for row, mask in zip(rows["input_ids"], rows["attention_mask"].bool(), strict=True)
    ]
    wanted = normalize(torch.cat(hidden)) @ normalize(torch.cat(hidden)).T
    method = wf.EmbeddingSimilarity(layer, pooling="mean")
    torch.testing.assert_close(wf.attribute(method, p, rows).values, wanted)
    torch.testing.assert_close(wf.attribute(method, p, short).values, wanted[:2])
    torch.testing.assert_close(wf.self_influence(method, p), torch.ones(4, dtype=torch.float64))


def test_pooling_without_tokens_is_refused() -> None:
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match="What the last linear layer is given is no vector for each token"):
        wf.attribute(wf.EmbeddingSimilarity(pooling="mean"), case.problem, case.queries)


class Words(torch.nn.Module):
    """A table of words, a layer, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.inner, self.head = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 5), torch.nn.Linear(5, 9)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(self.words(input_ids)))


def token_problem() -> tuple[wf.Problem, dict[str, torch.Tensor]]:
    """Four sequences of 2 to 5 tokens, with padding."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokens, mask = torch.randint(1, 9, (4, 5)), (torch.arange(5) < torch.tensor([3, 2, 5, 4])[:, None]).long()
        rows = {"input_ids": tokens * mask, "attention_mask": mask, "labels": tokens.where(mask > 0, -100)}
        return wf.Problem.of(Words().double().eval(), wf.next_token(), [rows]), rows
