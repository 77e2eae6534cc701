"""Similarity of embeddings: which training examples the model sees as the query's neighbours (a baseline; Hanawa et al. 2021 compare such)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.methods.activations import activations, pooled_activations
from wherefrom.methods.base import FittedMethod, Method, Score
from wherefrom.problem import Problem


def _distances(left: Tensor, right: Tensor) -> Tensor:
    return torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")  # differences first, so that near neighbours do not cancel


METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": lambda left, right: normalize(left, eps=torch.finfo(left.dtype).tiny) @ normalize(right, eps=torch.finfo(right.dtype).tiny).T,
    "dot": lambda left, right: left @ right.T,
    "euclidean": lambda left, right: -_distances(left, right),
}


@dataclass(frozen=True)
class EmbeddingSimilarity(Method):
    """cos(e_q, eᵢ), e_q·eᵢ ("dot") or -‖e_q - eᵢ‖ ("euclidean") of embeddings; ``unit="arbitrary"``.

    ``layer`` names the module whose outputs, flattened, are the embedding; None takes what the last linear layer is given. Labels and loss play no
    part, so it cannot tell a proponent from an opponent. An embedding of zeros has cosine 0. ``pooling="mean"`` takes the mean over the tokens of a
    sequence, without padding, so that texts of any lengths compare. Raises :class:`UsageError` for an unknown layer, and
    with None where the model does not end in a linear layer.
    """

    layer: str | None = None
    metric: Literal["cosine", "dot", "euclidean"] = "cosine"
    pooling: Literal["mean"] | None = None

    def __post_init__(self) -> None:
        if self.pooling not in (None, "mean"):
            raise UsageError(f"pooling={self.pooling!r} is unknown; give 'mean', or None to flatten.")
        if self.metric not in METRICS:
            raise UsageError(f"metric={self.metric!r} is unknown; give 'cosine', 'dot' or 'euclidean'.")

    def fit(self, problem: Problem) -> FittedMethod:
        """Find the layer."""
        embed = activations(problem, self.layer) if self.pooling is None else pooled_activations(problem, self.layer)
        size = problem.batch_size or (512 if self.pooling is None else 64)  # of sequences, whose activations are as many times as large
        return _FittedSimilarity("arbitrary", size, embed, METRICS[self.metric])


@dataclass(frozen=True, eq=False)
class _FittedSimilarity(FittedMethod):
    unit: str
    size: int
    embed: Callable[[Batch], Tensor]
    similarity: Callable[[Tensor, Tensor], Tensor]

    def prepare(self, queries: Iterable[Batch]) -> Score:
        asked = torch.cat([self.embed(batch) for batch in queries])
        return lambda batch: self.similarity(asked, self.embed(batch))

    def own(self, batch: Batch) -> Tensor:
        return torch.cat([self.similarity(one, one)[0] for one in self.embed(batch).split(1)])
