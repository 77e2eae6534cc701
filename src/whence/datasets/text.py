"""Text data: Enron1 mails (Metsis et al. 2006) and the SMS Spam Collection (Almeida et al. 2011), and words as counts."""

import csv
import io
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor

from whence.datasets.locate import locate
from whence.errors import UsageError

ENRON1 = "http://www2.aueb.gr/users/ion/data/enron-spam/preprocessed/enron1.tar.gz"
SMS_SPAM = "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip"
CLASSES = ("ham", "spam")


@dataclass(frozen=True, eq=False)
class Text:
    """Texts, class positions ``y`` (n,), ids = places in the file, class names."""

    texts: tuple[str, ...]
    y: Tensor
    ids: np.ndarray
    classes: tuple[str, ...]


def enron1(path: str | Path | None = None) -> Text:
    """3,672 ham and 1,500 spam mails, subject and body, in the order of their file names."""
    file = _given_or_located("enron1.parquet", "enron1.tar.gz", ENRON1, path)
    if file.suffix == ".parquet":
        frame = pd.read_parquet(file)
        if not {"label", "subject", "body"} <= set(frame):
            raise UsageError(f"{file} has no columns label, subject and body; give Enron1 in that form.")
        texts = (frame["subject"].fillna("") + "\n" + frame["body"].fillna("")).tolist()
        return _labelled(file, texts, frame["label"].tolist())
    try:
        with tarfile.open(file) as archive:
            members = sorted(
                (member for member in archive if member.name.endswith(".txt") and member.name.count("/") == 2), key=lambda member: member.name
            )
            read = [(member.name.split("/")[1], archive.extractfile(member)) for member in members]
            texts = [content.read().decode("latin-1").removeprefix("Subject: ") for _, content in read if content is not None]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UsageError(f"{file} is damaged ({error}); fetch it again.") from error
    return _labelled(file, texts, [label for label, _ in read])


def sms_spam(path: str | Path | None = None) -> Text:
    """5,574 messages, ham or spam."""
    file = _given_or_located("sms_spam.tsv", "sms_spam.zip", SMS_SPAM, path)
    content = file.read_bytes()
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read("SMSSpamCollection")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8")), delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if wrong is not None:
        raise UsageError(f"Line {wrong} of {file} is not a label, a tab and a message; give the SMS Spam Collection.")
    return _labelled(file, [row[1] for row in rows], [row[0] for row in rows])


def bag_of_words(
    texts: Sequence[str], *, vocabulary: Sequence[str] | None = None, min_count: int = 1, binary: bool = False
) -> tuple[Tensor, tuple[str, ...]]:  # fmt: skip
    """How often each word stands in each text, float32 (n, words), and the words in order.

    Words are runs of two or more letters or digits, in lower case (scikit-learn's CountVectorizer). Without a
    ``vocabulary`` it is learnt: words in at least ``min_count`` texts. ``binary`` counts a word once.
    """
    counter = CountVectorizer(vocabulary=None if vocabulary is None else list(vocabulary), min_df=min_count, binary=binary)
    try:
        counts: Any = counter.fit_transform(texts)
    except ValueError as error:
        raise UsageError(f"No words are left to count ({error}); give more texts or a smaller min_count.") from error
    words = tuple(str(word) for word in counter.get_feature_names_out())
    return torch.from_numpy(counts.toarray().astype(np.float32)), words


def _given_or_located(name: str, fetched: str, address: str, path: str | Path | None) -> Path:
    """The tidy file where there is one, else the public archive."""
    if path is not None and Path(path).is_file():
        return Path(path)
    try:
        return locate(name, "", path)
    except UsageError:
        return locate(fetched, address, path)


def _labelled(file: Path, texts: list[str], labels: list[str]) -> Text:
    unknown = sorted(set(labels) - set(CLASSES))
    if unknown or not texts:
        raise UsageError(f"{file} holds {f'the label {unknown[0]!r}' if unknown else 'no texts'}; its labels must be ham and spam.")
    y = torch.tensor([CLASSES.index(label) for label in labels])
    return Text(tuple(texts), y, np.arange(len(texts)), CLASSES)
