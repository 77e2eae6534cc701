"""BM25 and TF-IDF against their formulas written out."""

import sys
from collections import Counter

import numpy as np
import pytest
import torch

import wherefrom as wf

TRAIN = ["The cat sat on the mat.", "A dog sat on a log", "Cats and dogs", "the the the end"]
QUERIES = ["the cat sat, the cat!", "nothing known"]


def words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


def test_bm25_is_its_formula() -> None:
    train, k1, b = [words(text) for text in TRAIN], 1.5, 0.75
    mean, expected = np.mean([len(one) for one in train]), np.zeros((2, 4))
    for q, i in np.ndindex(2, 4):
        for word in words(QUERIES[q]):
            df, tf = sum(word in one for one in train), Counter(train[i])[word]
            idf = np.log(1 + (len(train) - df + 0.5) / (df + 0.5))
            expected[q, i] += idf * tf / (tf + k1 * (1 - b + b * len(train[i]) / mean))
    found = wf.methods.bm25(TRAIN, QUERIES, ids=list("abcd"))
    np.testing.assert_allclose(found.values.numpy(), expected, rtol=1e-5)
    assert found.unit == "arbitrary" and found.train_ids.tolist() == list("abcd") and found.method == "bm25(k1=1.5, b=0.75)"


def test_token_ids_are_words() -> None:
    known = {word: place for place, word in enumerate(sorted({word for text in [*TRAIN, *QUERIES] for word in words(text)}))}
    train, queries = ([[known[word] for word in words(text)] for text in texts] for texts in (TRAIN, QUERIES))
    padded = torch.tensor([row + [-100] * (8 - len(row)) for row in train])
    for method in (wf.methods.bm25, wf.methods.tf_idf):
        torch.testing.assert_close(method(padded, queries).values, method(TRAIN, QUERIES).values)


def test_tf_idf_is_a_cosine() -> None:
    train = [words(text) for text in TRAIN]
    vocabulary = sorted({word for one in train for word in one})
    idf = np.array([np.log(5 / (1 + sum(word in one for one in train))) + 1 for word in vocabulary])

    def vector(one: list[str]) -> np.ndarray:
        found = np.array([one.count(word) for word in vocabulary]) * idf
        return found / max(np.linalg.norm(found), 1e-300)

    expected = np.array([[vector(words(query)) @ vector(one) for one in train] for query in QUERIES])
    np.testing.assert_allclose(wf.methods.tf_idf(TRAIN, QUERIES).values.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(wf.UsageError, match="no word in the documents"):
        wf.methods.tf_idf(["", "..."], QUERIES)
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(wf.UsageError, match=r'run pip install "wherefrom\[lm\]"'):
        wf.methods.bm25(TRAIN, QUERIES)
