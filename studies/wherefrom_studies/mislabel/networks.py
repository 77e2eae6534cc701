"""The network that is inspected: trained on flipped labels, with the states on its way."""

from dataclasses import dataclass
from typing import Any

import torch

import wherefrom as wf
from wherefrom_studies.mislabel.flips import FlippedData

EPOCHS, STATES, RATE, BATCH, L2 = 12, 4, 2e-3, 64, 1e-4


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network, the states on its way, and what it was trained on."""

    data: FlippedData
    problem: wf.Problem
    states: Any
    rates: list[float]
    seed: int

    @property
    def last(self) -> wf.Problem:
        """The last layer alone."""
        return self.problem.restricted(self.data.last_layer)

    def last_features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the last layer sees of the training examples and of the held-out ones."""
        layers = self.data.build()[:-1]
        layers.load_state_dict({name: self.problem.parameters[name] for name, _ in layers.named_parameters()})
        with torch.no_grad():
            return layers(self.data.X), layers(self.data.X_true)


def train_network(data: FlippedData, seed: int) -> TrainedNetwork:
    """Train by Adam for a dozen epochs, with a state after every third."""
    problem = wf.Problem.of(data.build(), wf.cross_entropy(l2=L2), (data.X, data.y))
    run = wf.train.adam(EPOCHS, RATE, batch_size=BATCH, checkpoints=STATES)(problem, seed)
    return TrainedNetwork(data, problem.at(run.parameters), run.checkpoints, list(run.learning_rates), seed)
