"""Greedy choice, and its lazy form (Minoux 1978), which looks again only at examples whose last known gain could still be the best."""

import torch
from torch import Tensor

from wherefrom.selection.diversity import Spread

ROUNDING = 1e-12  # of what a diversity of 1 is made up of: gains nearer than this are a tie
AT_ONCE = 32  # gains looked at together

Chosen = tuple[list[int], Tensor]  # places in order of choice, and the state that they leave


def first_best(gains: Tensor, slack: float) -> int:
    """The first place whose gain is the largest, or less by no more than rounding."""
    return int((gains >= gains.max() - slack).nonzero()[0])


def greedy(influence: Tensor, gamma: float, spread: Spread, m: int) -> Chosen:
    """m times the example i that adds most to Σ influenceᵢ + γ R(S), of equal ones the first."""
    if spread.first is None:
        return plain_greedy(influence, gamma, spread, m)
    return lazy_greedy(influence, gamma, spread, m, spread.first)


def plain_greedy(influence: Tensor, gamma: float, spread: Spread, m: int) -> Chosen:
    """Every gain is worked out anew for every choice."""
    everything = torch.arange(len(influence), device=influence.device)
    state, chosen = torch.zeros_like(influence), []
    for _ in range(m):
        gains = influence + gamma * spread.gains(state, chosen, everything)
        gains[chosen] = -torch.inf
        chosen.append(first_best(gains, gamma * ROUNDING))
        state = spread.joined(state, spread.kernel.row(chosen[-1]))
    return chosen, state


def lazy_greedy(influence: Tensor, gamma: float, spread: Spread, m: int, first: Tensor) -> Chosen:
    """The same choice where R is submodular: a gain worked out earlier bounds today's, so those below the best are not looked at."""
    bounds = influence + gamma * first
    state, chosen = torch.zeros_like(influence), []
    for _ in range(m):
        stale, best = torch.ones_like(bounds, dtype=torch.bool), -torch.inf
        stale[chosen] = False
        while True:
            values, places = bounds.where(stale, -torch.inf).topk(min(AT_ONCE, len(bounds)))
            places = places[(values >= best - gamma * ROUNDING) & stale[places]]
            if len(places) == 0:
                break
            bounds[places] = influence[places] + gamma * spread.gains(state, chosen, places)
            stale[places] = False
            best = max(best, float(bounds[places].max()))
        known = bounds.where(~stale, -torch.inf)
        known[chosen] = -torch.inf
        chosen.append(first_best(known, gamma * ROUNDING))
        state = spread.joined(state, spread.kernel.row(chosen[-1]))
    return chosen, state
