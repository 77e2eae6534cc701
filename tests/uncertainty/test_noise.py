"""Sources of noise: what each varies, what it leaves alone, and what it refuses."""

import numpy as np
import pytest
import torch

import whence as wh
from whence.uncertainty.noise import SOURCES as SOURCES_IN_WORDS
from whence.uncertainty.noise import UnderWeights, drawn_weights, permuted_targets

N = 40
ADAM = wh.train.adam(2, 0.05, batch_size=8)


def problem_of(**settings: object) -> wh.Problem:
    random = torch.Generator().manual_seed(0)
    X = torch.randn(N, 3, dtype=torch.float64, generator=random)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double().eval()
    return wh.Problem.of(model, wh.cross_entropy(l2=0.05), (X, (X[:, 0] > 0).long()), ids=np.arange(N) * 10, **settings)  # type: ignore[arg-type]


METHOD = wh.InfluenceFunction(wh.IHVP(wh.GaussNewton(), wh.Exact(), damping=0.01))
SOURCES = {
    "Seeds": wh.Seeds(4),
    "Bootstrap": wh.Bootstrap(4),
    "resampled": wh.Bootstrap(4, resampled=True),
    "LastLayerBootstrap": wh.LastLayerBootstrap(4),
    "PermutedLabels": wh.PermutedLabels(4),
    "Dampings": wh.Dampings(4),
}


@pytest.mark.parametrize("name", SOURCES)
def test_runs_differ_repeat_and_leave_the_problem_alone(name: str) -> None:
    problem = problem_of()
    before = problem.fingerprint()
    draw, again = (SOURCES[name].prepare(METHOD, problem, ADAM) for _ in range(2))
    queries = problem.subset([0, 10]).train

    def scored(run: tuple[wh.Method, wh.Problem]) -> wh.Scores:
        return wh.attribute(*run, queries, progress=False)

    assert not torch.allclose(scored(draw(0)).values, scored(draw(1)).values)
    first, repeated = scored(draw(1)), scored(again(1))
    assert torch.equal(first.values, repeated.values) and first.train_ids.tolist() == problem.ids.tolist()
    assert problem.fingerprint() == before and set(SOURCES_IN_WORDS) & set(SOURCES[name].varies)


def test_only_the_last_layer_moves() -> None:
    problem = problem_of()
    _, moved = wh.LastLayerBootstrap(4).prepare(METHOD, problem, None)(0)
    assert [name for name in problem.names if not torch.equal(moved.state[name], problem.state[name])] == ["2.weight", "2.bias"]


def test_an_example_is_scored_as_one_of_its_own_weight() -> None:
    """Doubling all drawn weights of a linear problem is doubling N's share: the wrapped method never multiplies a score by a drawn weight."""
    problem = problem_of()
    weights = torch.ones(N).double()
    weights[3] = 0.0
    queries = problem.subset([0]).train
    scores = wh.attribute(UnderWeights(METHOD, weights), problem, queries).values[0]
    assert scores[3] != 0 and torch.allclose(scores[[1, 2]], wh.attribute(METHOD, problem.reweighted(weights), queries).values[0][[1, 2]], rtol=1e-9)


def test_weights_keep_their_sum_and_are_exponential() -> None:
    own = torch.rand(N) * (torch.arange(N) != 5)
    problem = problem_of(weights=own)
    drawn = torch.stack([drawn_weights(problem, 0, number) for number in range(2000)])
    assert torch.allclose(drawn.sum(1), problem.weights.sum().expand(2000)) and not drawn[:, 5].any()
    share = (drawn / problem.weights.where(problem.weights > 0, 1.0))[:, own > 0]
    assert torch.allclose(share.mean(0), torch.ones(()).double(), atol=0.1) and 0.8 < float(share.std(0).mean()) < 1.1
    counts = drawn_weights(problem_of(), 0, 1, resampled=True)
    assert float(counts.sum()) == N and torch.equal(counts, counts.round())
    assert not torch.equal(drawn_weights(problem, 1, 0), drawn_weights(problem, 0, 1))


def test_labels_are_permuted_and_inputs_are_not() -> None:
    problem = problem_of()
    shuffled = permuted_targets(problem, torch.Generator().manual_seed(1))
    old, new = next(problem.batches(size=N)), next(shuffled.batches(size=N))
    assert torch.equal(old.inputs, new.inputs) and not torch.equal(old.targets, new.targets)
    assert torch.equal(old.targets.sort().values, new.targets.sort().values) and shuffled.ids.tolist() == problem.ids.tolist()


def test_checkpoints_are_runs() -> None:
    problem = problem_of()
    run = wh.train.adam(6, 0.05, batch_size=8, checkpoints=3)(problem, 0)
    noise = wh.Checkpoints(list(run.checkpoints))
    assert noise.runs == 3 and repr(noise) == "Checkpoints(3)"
    _, moved = noise.prepare(METHOD, problem, None)(2)
    assert all(torch.equal(moved.state[name], run.checkpoints[2][name]) for name in problem.names)


def test_what_cannot_vary_is_refused() -> None:
    problem = problem_of()
    for make, said in (
        (lambda: wh.Seeds(1), "make 2 or more"),
        (lambda: wh.Dampings(span=1.0), "factor above 1"),
        (lambda: wh.Seeds().prepare(METHOD, problem, None), "give train="),
        (lambda: wh.MethodSeeds().prepare(METHOD, problem, None), "has no seed"),
        (lambda: wh.Dampings().prepare(wh.GradientDot(), problem, None), "no IHVP"),
        (lambda: wh.Dampings().prepare(wh.InfluenceFunction(wh.IHVP(damping=0.0)), problem, None), "above 0"),
    ):
        with pytest.raises(wh.UsageError, match=said):
            make()
