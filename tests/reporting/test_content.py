"""Cards from plain results."""

import numpy as np
import torch

import wherefrom as wf
from wherefrom.reporting.content import plain_cards


def test_cards_know_scores_and_retrained_changes() -> None:
    scores = wf.Scores(torch.tensor([[4.0, -3.0, 2.0]]), np.array(["p"]), np.arange(3), "loss change", "m")
    truth = wf.retraining.Outcomes(torch.tensor([[[5.0]]]), torch.tensor([[1.0]]), {"0": [0]}, np.array(["p"]), 1.0, "loss change")
    (card,) = plain_cards(scores.top(2), truth)
    assert [(row.label, row.score, row.retrained) for row in card.proponents] == [("0", 4.0, 4.0), ("2", 2.0, None)]
    assert [row.label for row in card.opponents] == ["1", "2"]
