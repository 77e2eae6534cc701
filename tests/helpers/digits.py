"""Softmax regression of scikit-learn's digits, some of its labels flipped, queried with the labels that it predicts."""

from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

import wherefrom as wf


@cache
def digits(flipped: float = 0.0) -> tuple[wf.Problem, Any, torch.Tensor]:
    data = load_digits()
    X, y = torch.from_numpy(data.data).double() / 16, torch.from_numpy(data.target).long()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))
    train, queries = order[:1000], order[1000:]
    labels, wrong = y.clone(), torch.zeros(len(y), dtype=torch.bool)
    wrong[train[: round(flipped * 1000)]] = True
    labels[wrong] = (labels[wrong] + 1 + torch.arange(int(wrong.sum())) % 9) % 10
    p = wf.Problem.of(torch.nn.Linear(64, 10).double().eval(), wf.cross_entropy(l2=1e-3), (X[train], labels[train]))
    p = p.at(wf.train.newton()(p, 0).parameters)
    return p, (X[queries], p.outputs(X[queries]).argmax(1)), wrong[train]
