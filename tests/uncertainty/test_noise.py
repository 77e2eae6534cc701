"""Sources of noise: what each varies, what it leaves alone, and what it refuses."""

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.uncertainty.noise import SOURCES as SOURCES_IN_WORDS
from wherefrom.uncertainty.noise import UnderWeights, drawn_weights, permuted_targets

N = 40
ADAM = wf.train.adam(2, 0.05, batch_size=8)


def problem_of(**settings: object) -> wf.Problem:
    random = torch.Generator().manual_seed(0)
    X = torch.randn(N, 3, dtype=torch.float64, generator=random)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double().eval()
    return wf.Problem.of(model, wf.cross_entropy(l2=0.05), (X, (X[:, 0] > 0).long()), ids=np.arange(N) * 10, **settings)  # type: ignore[arg-type]


METHOD = wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.01))
SOURCES = {
    "Seeds": wf.noise.Seeds(4),
    "Bootstrap": wf.noise.Bootstrap(4),
    "resampled": wf.noise.Bootstrap(4, resampled=True),
    "LastLayerBootstrap": wf.noise.LastLayerBootstrap(4),
    "PermutedLabels": wf.noise.PermutedLabels(4),
    "Dampings": wf.noise.Dampings(4),
}


@pytest.mark.parametrize("name", SOURCES)
def test_runs_differ_repeat_and_leave_the_problem_alone(name: str) -> None:
    problem = problem_of()
    before = problem.fingerprint()
    draw, again = (SOURCES[name].prepare(METHOD, problem, ADAM) for _ in range(2))
    queries = problem.subset([0, 10]).train

    def scored(run: tuple[wf.methods.Method, wf.Problem]) -> wf.Scores:
        return wf.attribute(*run, queries, progress=False)

    assert not torch.allclose(scored(draw(0)).values, scored(draw(1)).values)
    first, repeated = scored(draw(1)), scored(again(1))
    assert torch.equal(first.values, repeated.values) and first.train_ids.tolist() == problem.ids.tolist()
    assert problem.fingerprint() == before and set(SOURCES_IN_WORDS) & set(SOURCES[name].varies)


def test_only_the_last_layer_moves() -> None:
    problem = problem_of()
    _, moved = wf.noise.LastLayerBootstrap(4).prepare(METHOD, problem, None)(0)
    assert [name for name in problem.names if not torch.equal(moved.state[name], problem.state[name])] == ["2.weight", "2.bias"]


def test_an_example_is_scored_as_one_of_its_own_weight() -> None:
    """Doubling all drawn weights of a linear problem is doubling N's share: the wrapped method never multiplies a score by a drawn weight."""
    problem = problem_of()
    weights = torch.ones(N).double()
    weights[3] = 0.0
    queries = problem.subset([0]).train
    scores = wf.attribute(UnderWeights(METHOD, weights), problem, queries).values[0]
    assert scores[3] != 0 and torch.allclose(scores[[1, 2]], wf.attribute(METHOD, problem.reweighted(weights), queries).values[0][[1, 2]], rtol=1e-9)


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
    run = wf.train.adam(6, 0.05, batch_size=8, checkpoints=3)(problem, 0)
    noise = wf.noise.Checkpoints(list(run.checkpoints))
    assert noise.runs == 3 and repr(noise) == "Checkpoints(3)"
    _, moved = noise.prepare(METHOD, problem, None)(2)
    assert all(torch.equal(moved.state[name], run.checkpoints[2][name]) for name in problem.names)


def test_what_cannot_vary_is_refused() -> None:
    problem = problem_of()
    for make, said in (
        (lambda: wf.noise.Seeds(1), "make 2 or more"),
        (lambda: wf.noise.Dampings(span=1.0), "factor above 1"),
        (lambda: wf.noise.Seeds().prepare(METHOD, problem, None), "give train="),
        (lambda: wf.noise.MethodSeeds().prepare(METHOD, problem, None), "has no seed"),
        (lambda: wf.noise.Dampings().prepare(wf.GradientDot(), problem, None), "no IHVP"),
        (lambda: wf.noise.Dampings().prepare(wf.InfluenceFunction(wf.IHVP(damping=0.0)), problem, None), "above 0"),
    ):
        with pytest.raises(wf.UsageError, match=said):
            make()
