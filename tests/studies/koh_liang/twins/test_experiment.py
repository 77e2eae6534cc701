"""Two models that agree: the kernel machine is the machine of its kernel, goes by nearness, and the network does not."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel

import wherefrom as wf
from wherefrom_studies.koh_liang.twins.analysis import query_means
from wherefrom_studies.koh_liang.twins.experiment import NARROW, NETWORK, RBF, Pictures, score_images, train_machine


@pytest.fixture
def small() -> tuple[Pictures, Pictures]:
    torch.manual_seed(0)
    X, y = torch.rand(60, 3, 4, 4), torch.arange(60) % 2
    X[y == 1, 0] += 0.5
    return Pictures(X[:40], y[:40], np.arange(40)), Pictures(X[40:], y[40:], np.arange(20))


def test_rows_of_the_factor_are_the_kernel_machine(small: tuple[Pictures, Pictures]) -> None:
    train, test = small
    problem, seen = train_machine(train, test)
    X, Z = (one.X.flatten(1).double().numpy() for one in small)
    gamma = NARROW / (X.shape[1] * X.var())
    rows = np.linalg.cholesky(rbf_kernel(X, X, gamma) + 1e-8 * np.eye(40))
    fitted = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=1000).fit(rows, train.y.numpy())  # n l2 = 1
    of_kernel = rbf_kernel(Z, X, gamma) @ np.linalg.solve(rows.T, fitted.coef_[0])
    np.testing.assert_allclose(problem.outputs(seen)[:, 0].detach().numpy(), of_kernel, atol=1e-5)


def test_nearness_sets_the_two_apart(data_folder: Path) -> None:
    table = query_means(pd.DataFrame(score_images(cache(wf.datasets.cifar10), 0, 100, 60, 8, 4))).set_index("model")
    near = table["rank correlation with nearness"]
    assert near[RBF] > 0.7 and near[NETWORK] < 0.5 and (table["accuracy"] > 0.7).all()
    other = table["other class among the first"]
    assert other[RBF] < other[NETWORK]
