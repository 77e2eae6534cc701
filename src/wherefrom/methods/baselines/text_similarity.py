"""Similarity by shared words, without a model: BM25 (Robertson & Zaragoza 2009) and the cosine of TF-IDF, over texts or token ids."""

import importlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.scores import Scores
from wherefrom.types import Ids

Documents = Sequence[str] | Sequence[Sequence[int]] | np.ndarray | Tensor
WORD = re.compile(r"\w+")


def bm25(train: Documents, queries: Documents, *, ids: Ids | None = None, query_ids: Ids | None = None, k1: float = 1.5, b: float = 0.75) -> Scores:
    """Return Σ_w idf(w) tf / (tf + k1 (1 - b + b length / mean length)) over a query's words w, as Lucene does; ``unit="arbitrary"``.

    ``train``, ``queries``: texts, whose words are taken in lower case, or token ids (negative ones, such as -100, are left out). A word that
    stands twice in a query counts twice. ``ids`` are 0..n-1 by default. Raises :class:`UsageError` where the package bm25s is missing.
    """
    try:
        package = importlib.import_module("bm25s")
    except ImportError as error:
        raise UsageError('BM25 needs the package bm25s; run pip install "wherefrom[lm]".') from error
    known, asked = _words(train), _words(queries)
    index = package.BM25(method="lucene", k1=k1, b=b)
    index.index(known, show_progress=False)
    vocabulary = {word for words in known for word in words}
    table = np.zeros((len(asked), len(known)), dtype=np.float32)
    for row, words in enumerate(asked):
        if words := [word for word in words if word in vocabulary]:
            table[row] = index.get_scores(words)
    return _scores(table, f"bm25(k1={k1:g}, b={b:g})", ids, query_ids)


def tf_idf(train: Documents, queries: Documents, *, ids: Ids | None = None, query_ids: Ids | None = None) -> Scores:
    """Return the cosines of TF-IDF vectors, with scikit-learn's smoothed idf of the training documents; ``unit="arbitrary"``.

    Documents and ids are those of :func:`bm25`; a document without a known word has the cosine 0 with all.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer=lambda words: words)  # type: ignore[arg-type]
    known = vectors.fit_transform(_words(train))
    return _scores((vectors.transform(_words(queries)) @ known.T).toarray(), "tf_idf()", ids, query_ids)


def _words(documents: Documents) -> list[list[str]]:
    """The words of each text, or the tokens of each sequence, as texts."""
    found = []
    for document in documents.tolist() if isinstance(documents, (np.ndarray, Tensor)) else documents:
        if isinstance(document, str):
            found.append(WORD.findall(document.lower()))
        else:
            found.append([str(int(token)) for token in document if int(token) >= 0])
    if not any(found):
        raise UsageError("There is no word in the documents; give texts or sequences of token ids.")
    return found


def _scores(table: np.ndarray, method: str, ids: Ids | None, query_ids: Ids | None) -> Scores:
    q, n = table.shape
    names, query_names = (np.arange(size) if given is None else np.asarray(given) for given, size in ((ids, n), (query_ids, q)))
    return Scores(torch.from_numpy(np.ascontiguousarray(table, dtype=np.float32)), query_names, names, "arbitrary", method)
