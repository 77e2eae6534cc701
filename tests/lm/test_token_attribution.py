"""Scores of tokens add up to the sequences', are refused where they cannot, and show themselves."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers import language

import wherefrom as wf

TOKENS = language.tokenizer()
ROWS = [{"id": f"r{place}", "text": text} for place, text in enumerate(language.TEXTS)]
QUERIES = [{"id": "q", "prompt": "the king", "completion": " said hello"}, {"id": "s", "text": "Paris is in France .", "span": "France"}]


def methods(p: wf.Problem) -> dict[str, Any]:
    state = {name: value.clone() for name, value in p.model.state_dict().items()}
    return {
        "gradient dot": wf.GradientDot(),
        "TracIn": wf.TracIn([state], 0.1),
        "EK-FAC": wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(p)),
        "CG": wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.CG(tolerance=1e-7), damping=10.0).fit(p)),
    }


@pytest.mark.parametrize("build", [language.gpt2, language.llama])
def test_scores_of_tokens_add_up_to_the_sequences(build: Any) -> None:
    p = wf.lm.problem(build().double(), ROWS, tokenizer=TOKENS, weights=[1, 2, 1, 1, 3, 1])
    queries = wf.lm.examples(p, QUERIES)
    for name, method in methods(p).items():
        table = wf.attribute(method, p, queries, progress=False)
        found = wf.lm.token_scores(method, p, queries, top=table.top(3), progress=False)
        assert len(found.pairs) == 6 and found.unit == table.unit
        for pair in found.pairs:
            score = table.values[table.query_ids.tolist().index(pair.query_id), table.train_ids.tolist().index(pair.train_id)]
            limit = 1e-5 if name == "CG" else 1e-6  # that of the solver
            assert abs(pair.values.sum() - score) <= limit * pair.values.abs().sum() and pair.score == pytest.approx(float(score), rel=1e-5), name


def test_in_float32_they_add_up_to_one_in_a_hundred_thousand() -> None:
    p = wf.lm.problem(language.llama(), ROWS, tokenizer=TOKENS)
    for method in list(methods(p).values())[:3]:
        for pair in wf.lm.token_scores(method, p, QUERIES, top=3, progress=False).pairs:  # type: ignore[arg-type]
            assert abs(float(pair.values.sum()) - pair.score) <= 1e-5 * float(pair.values.abs().sum())


def test_a_tokens_score_is_the_product_of_the_tokens_gradients() -> None:
    model = language.gpt2().double()
    p = wf.lm.problem(model, ROWS, tokenizer=TOKENS)
    pair = wf.lm.token_scores(wf.GradientDot(), p, QUERIES[:1], top=1, progress=False).pairs[0]  # type: ignore[arg-type]

    def gradient(text: str, place: int) -> torch.Tensor:
        ids = torch.tensor([TOKENS(text)["input_ids"]])
        loss = torch.nn.functional.cross_entropy(model(ids).logits[:, place - 1], ids[:, place])
        return torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(model.parameters()))])

    train = next(row["text"] for row in ROWS if row["id"] == pair.train_id)
    expected = gradient("the king said hello", 2) @ gradient(train, 3)
    torch.testing.assert_close(pair.values[0, pair.train.places.index(3)], expected.detach())


def test_tables_are_long_and_sum_over_a_side() -> None:
    p = wf.lm.problem(language.gpt2(), ROWS, tokenizer=TOKENS)
    found = wf.lm.token_scores(wf.GradientDot(), p, QUERIES, top=2, progress=False)  # type: ignore[arg-type]
    both, train, query = (found.to_pandas(side) for side in ("both", "train", "query"))  # type: ignore[arg-type]
    assert list(both) == ["query_id", "train_id", "query_place", "query_token", "train_place", "train_token", "score"]
    assert len(both) == sum(pair.values.numel() for pair in found.pairs)
    for frame in (train, query):
        pairs = frame.groupby(["query_id", "train_id"])["score"].sum()
        for pair in found.pairs:
            assert pairs[pair.query_id, pair.train_id] == pytest.approx(pair.score, rel=1e-4)
    assert query.query_token[:3].str.strip().tolist() == ["said", "hello", "[EOS]"]
    own = [pair for pair in found.pairs if pair.query_id == "q"]
    shown = found.query_tokens("q").scores
    np.testing.assert_allclose([one for one in shown if one is not None], sum(pair.values.sum(1).numpy() for pair in own), rtol=1e-5)


def test_a_notebook_shows_tokens_in_colour_and_no_markup_of_theirs() -> None:
    p = wf.lm.problem(language.gpt2(), [{"id": "<b>", "text": "the cat sat"}, {"id": "c", "text": "a dog <b>x</b>"}], tokenizer=TOKENS)
    html = wf.lm.token_scores(wf.GradientDot(), p, ["the king"], top=2, progress=False)._repr_html_()  # type: ignore[arg-type]
    assert "rgba(" in html and 'title="+' in html and "&lt;b&gt;" in html and "<b>x" not in html


def test_methods_that_are_not_linear_are_refused() -> None:
    p = wf.lm.problem(language.gpt2(), ROWS, tokenizer=TOKENS)
    for method in (wf.GradientCosine(), wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(p))):
        with pytest.raises(wf.UsageError, match="add up to .* is not linear in both gradients; use InfluenceFunction"):
            wf.lm.token_scores(method, p, QUERIES, top=2, progress=False)  # type: ignore[arg-type]


def test_other_queries_pairs_and_sides_are_refused() -> None:
    p = wf.lm.problem(language.gpt2(), ROWS, tokenizer=TOKENS)
    best = wf.attribute(wf.GradientDot(), p, QUERIES, top=1, progress=False)  # type: ignore[call-overload]
    with pytest.raises(wf.UsageError, match="of other queries"):
        wf.lm.token_scores(wf.GradientDot(), p, ["the cat"], top=best, progress=False)  # type: ignore[arg-type]
    found = wf.lm.token_scores(wf.GradientDot(), p, QUERIES, top=best, progress=False)  # type: ignore[arg-type]
    assert found.pair("q", best.ids[0, 0]).score == pytest.approx(float(best.values[0, 0]), rel=1e-5)
    for call in (lambda: found.pair("q", "r99"), lambda: found.query_tokens("z"), lambda: found.to_pandas("left")):  # type: ignore[arg-type]
        with pytest.raises(wf.UsageError):
            call()


def test_texts_of_training_examples_and_others() -> None:
    p = wf.lm.problem(language.gpt2(), ROWS, tokenizer=TOKENS)
    assert wf.lm.texts(p, ids=["r1", "r4"]) == {"r1": language.TEXTS[1], "r4": language.TEXTS[4]}
    assert wf.lm.texts(p, ["a dog"]) == {0: "a dog"}  # type: ignore[arg-type]
