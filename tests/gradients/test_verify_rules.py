"""Rules are proved before anything relies on them, and losses must treat each example alone."""

import pytest
import torch
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients


def data(n: int = 8) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(n, 3), torch.arange(n) % 2


def test_a_loss_that_mixes_examples_is_refused() -> None:
    model = nn.Linear(3, 2).eval()

    def mixing(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs - outputs.mean(0), targets, reduction="none")

    with pytest.raises(wf.UsageError, match="depends on which other examples are in its batch .*treat each example alone"):
        Gradients(wf.Problem.of(model, wf.Objective(mixing), data()))


def test_a_model_with_batch_statistics_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 2)).eval()
    with pytest.raises(wf.UsageError, match="no batch statistics"):
        Gradients(wf.Problem.of(model, wf.cross_entropy(), data()))


def test_a_model_that_is_random_is_refused() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.dropout(self.layer(x), training=True)

    with pytest.raises(wf.UsageError, match="no dropout"):
        Gradients(wf.Problem.of(Noisy().eval(), wf.cross_entropy(), data()))


@pytest.mark.parametrize("n", [1, 2])
def test_few_examples_are_enough(n: int) -> None:
    gradients = Gradients(wf.Problem.of(nn.Linear(3, 2).eval(), wf.cross_entropy(), data(n)))
    assert set(gradients.coverage.served().values()) == {"Linear"}


def test_a_batch_along_the_second_dimension_is_found() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0), 2, enable_nested_tensor=False)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = encoder, nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.encoder(x.transpose(0, 1)).mean(0))

    gradients = Gradients(wf.Problem.of(Model().eval(), wf.cross_entropy(), (torch.randn(9, 5, 6), torch.arange(9) % 2)))
    assert set(gradients.coverage.served().values()) == {"Attention", "Linear", "Norm"}
