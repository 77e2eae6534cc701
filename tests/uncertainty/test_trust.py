"""Trust: verdicts where the truth is plain, what the intervals cover, and what is refused."""

from functools import cache

import numpy as np
import pytest
import torch

import wherefrom as wf

K = 5
METHOD = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0))


@cache
def logistic(n: int = 80, seed: int = 0) -> tuple[wf.Problem, tuple[torch.Tensor, torch.Tensor]]:
    random = torch.Generator().manual_seed(seed)
    X = torch.randn(n + 2, 3, dtype=torch.float64, generator=random)
    y = (torch.rand(n + 2, generator=random, dtype=torch.float64) < (2 * X[:, 0]).sigmoid()).double()
    problem = wf.Problem.of(torch.nn.Linear(3, 1).double().eval(), wf.binary_cross_entropy(l2=0.01), (X[:n], y[:n]))
    return problem.at(wf.train.newton()(problem, 0).parameters), (X[n:], y[n:])


def sets(trust: wf.uncertainty.Trust) -> list[tuple[set[int], set[int], set[int]]]:
    top = trust.scores.top(trust.k).ids
    return [(set(c.tolist()), set(t.tolist()), set(p.tolist())) for c, t, p in zip(trust.core(), top, trust.possible(), strict=True)]


def test_what_does_not_vary_is_all_sure() -> None:
    """Newton's method finds the same minimum whatever the seed."""
    problem, queries = logistic()
    found = wf.trust(METHOD, problem, queries, train=wf.train.newton(), noise=wf.noise.Seeds(8), k=K)
    assert [verdict.word for verdict in found.verdicts] == ["trusted", "trusted"] and found.runs == 8
    assert all(core == top == possible for core, top, possible in sets(found))
    assert "5 of the top 5 are sure" in str(found) and np.allclose(found.centre, found.scores.values)


def test_labels_that_say_nothing_leave_the_core_empty() -> None:
    problem, queries = logistic()
    for number in range(3):
        found = wf.trust(METHOD, problem, queries, train=wf.train.newton(), noise=wf.noise.PermutedLabels(8, seed=number), k=K)
        assert not any(len(core) for core in found.core()) and {verdict.word for verdict in found.verdicts} <= {"unstable", "undecided"}


def test_the_core_is_within_the_top_within_the_possible() -> None:
    problem, queries = logistic()
    found = wf.trust(METHOD, problem, queries, k=K)
    for core, top, possible in sets(found):
        assert core <= top <= possible
    assert (
        found.runs in (25, 50, 100)
        and "other layers' data" not in found.fixed
        and found.varied == ("the last layer's data",)
        and "the trainer's seed" in found.fixed
    )
    for end in ("proponents", "opponents"):
        assert (found.ranks[end].low <= found.rank(end)).all() and (found.rank(end) <= found.ranks[end].high).all()
        assert [len(one) for one in found.core(2, end)] <= [len(one) for one in found.core(5, end)]
    low, high = found.interval()
    assert (low < found.centre).all() and (found.centre < high).all()


def test_one_example_that_decides_is_sure() -> None:
    """A proponent far above all others, whatever the data's weights."""
    problem, (X, _) = logistic()
    copies = wf.Problem.of(
        torch.nn.Linear(3, 1).double().eval(), wf.squared_error(l2=0.1),
        (torch.cat([next(problem.batches(size=80)).inputs, 6 * X[:1]]), torch.cat([torch.randn(80).double() * 0.1, torch.tensor([4.0]).double()])),
    )  # fmt: skip
    copies = copies.at(wf.train.newton()(copies, 0).parameters)
    found = wf.trust(METHOD, copies, (X[:1], torch.tensor([1.5]).double()), k=1)
    assert found.core()[0].tolist() == [80] and found.verdicts[0].word == "trusted"


def test_intervals_cover_the_mean_over_seeds() -> None:
    """A trainer whose noise is known: the weights of the minimum and a normal draw."""
    problem, queries = logistic(40)

    def train(problem: wf.Problem, seed: int) -> dict[str, torch.Tensor]:
        random = torch.Generator().manual_seed(seed)
        return {name: value + 0.3 * torch.randn(value.shape, generator=random, dtype=value.dtype) for name, value in problem.parameters.items()}

    def scored(seed: int) -> np.ndarray:
        return wf.attribute(wf.GradientDot(), problem.at(train(problem, seed)), queries, progress=False).values.numpy()

    tables = [scored(10_000 + seed) for seed in range(150)]
    truth, held, false = np.mean(tables, 0), [], 0
    shares = np.mean([table / np.linalg.norm(table, axis=1, keepdims=True) for table in tables], 0)
    top = [set((-row).argsort()[:K].tolist()) for row in shares]
    for number in range(12):
        found = wf.trust(wf.GradientDot(), problem, queries, train=train, noise=wf.noise.Seeds(8, first=8 * number), k=K, progress=False)
        low, high = found.interval()
        held.append(((low <= truth) & (truth <= high)).mean())
        false += any(set(core.tolist()) - members for core, members in zip(found.core(), top, strict=True))
    assert 0.9 < np.mean(held) < 0.99 and false <= 2


def test_full_calibrates_the_cheap_spread() -> None:
    problem, queries = logistic()
    found = wf.trust(METHOD, problem, queries, train=wf.train.newton(), k=K, budget="full")
    assert found.calibration is not None and found.rank_calibration is not None and found.runs in (8, 16)
    assert np.allclose(found.calibration.factor, 1, atol=0.5)  # here the bootstrap is the retraining, but for its second order
    assert found.calibration.coverage.value is not None and found.calibration.coverage.value > 0.8
    assert "full retrainings" in found.summary()


def test_what_cannot_vary_is_not_said_to() -> None:
    """Newton's method has no use for a seed, and a linear model no other layers."""
    problem, queries = logistic(30)
    found = wf.trust(METHOD, problem, queries, train=wf.train.newton(), k=K, budget="full")
    assert found.varied == ("the last layer's data",) and "the trainer's seed" in found.fixed and "other layers' data" not in found.fixed
    still = wf.trust(METHOD, problem, queries, train=wf.train.newton(), noise=wf.noise.Seeds(2), k=K)
    assert still.varied == () and "2 runs, varied: nothing;" in still.summary()
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1)).double().eval()
    network = wf.Problem.of(model, problem.objective, problem.train)
    seeded = wf.trust(wf.GradientDot(), network, queries, train=wf.train.sgd(1, 0.1), noise=wf.noise.Bootstrap(2), k=K)
    assert seeded.varied == ("the trainer's seed", "the last layer's data", "other layers' data")


def test_an_indefinite_hessian_of_a_moved_network_has_error_bars() -> None:
    problem, queries = logistic(30)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double().eval()
    network = wf.Problem.of(model, problem.objective, problem.train)
    network = network.at(wf.train.newton()(network, 0).parameters)
    exact = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0))
    with pytest.raises(wf.UsageError, match="not positive definite"):
        wf.trust(exact, network, queries, k=K, progress=False)
    least = float(torch.linalg.eigvalsh(wf.Hessian().fit(network).dense())[0])
    found = wf.trust(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.solvers.Absolute(least), damping=0.0)), network, queries, k=K, progress=False)
    shown = wf.attribute(exact, network, queries, progress=False).values
    torch.testing.assert_close(found.scores.values, shown, rtol=1e-7, atol=1e-12)
    assert (found.error > 0).all() and (found.error < 10 * np.abs(found.centre).max()).all()


def test_full_does_without_a_last_layer() -> None:
    class Scaled(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(input)

    problem, queries = logistic(30)
    scaled = wf.Problem.of(Scaled(3, 1).double().eval(), problem.objective, problem.train)
    found = wf.trust(wf.GradientDot(), scaled, queries, train=wf.train.sgd(1, 0.1), k=K, budget="full")
    assert found.calibration is None and found.runs in (8, 16)
    with pytest.raises(wf.UsageError, match="does not end in one linear layer"):
        wf.trust(wf.GradientDot(), scaled, queries, k=K)


def test_this_very_model_has_the_methods_noise_alone() -> None:
    problem, queries = logistic()
    random = wf.TRAK(dimension=2, seed=3)
    found = wf.trust(random, problem, queries, estimand="model", k=K)
    assert found.estimand == "model" and found.varied == ("the method's own seeds",) and "this very model" in str(found)
    with pytest.raises(wf.UsageError, match="has no seed"):
        wf.trust(METHOD, problem, queries, estimand="model", k=K)


def test_the_answer_does_not_depend_on_batches_and_repeats() -> None:
    problem, queries = logistic()
    small = wf.Problem.of(problem.model, problem.objective, problem.train, batch_size=7).at(problem.parameters)
    one, two, three = (wf.trust(METHOD, p, queries, noise=wf.noise.LastLayerBootstrap(8), k=K, progress=False) for p in (problem, problem, small))
    assert np.array_equal(one.error, two.error) and one.verdicts == two.verdicts == three.verdicts and np.allclose(one.error, three.error)


def test_equal_examples_share_a_rank_interval() -> None:
    problem, queries = logistic()
    batch = next(problem.batches(size=80))
    twice = wf.Problem.of(problem.model, problem.objective, (torch.cat([batch.inputs] * 2), torch.cat([batch.targets] * 2))).at(problem.parameters)
    found = wf.trust(METHOD, twice, queries, train=wf.train.newton(), noise=wf.noise.Seeds(8), k=1)
    assert not any(len(core) for core in found.core()) and [len(possible) for possible in found.possible()] == [2, 2]


def test_what_cannot_be_asked_is_refused() -> None:
    problem, queries = logistic()
    for settings, said in (
        ({"k": 80}, "must leave some out"),
        ({"k": 0}, "must leave some out"),
        ({"budget": "slow"}, "fast or full"),
        ({"level": 1.0}, "0.5 to 1"),
        ({"budget": "full"}, "give train="),
        ({"noise": wf.noise.Seeds()}, "give train="),
    ):
        with pytest.raises(wf.UsageError, match=said):
            wf.trust(METHOD, problem, queries, **settings)  # type: ignore[arg-type]
