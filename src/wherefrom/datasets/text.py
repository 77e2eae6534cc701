"""Text data: Enron1 mails (Metsis et al. 2006) and the SMS Spam Collection (Almeida et al. 2011), and words as counts."""

import io
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor

from wherefrom.datasets.frames import reason
from wherefrom.datasets.locate import locate
from wherefrom.errors import UsageError

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
    """3,672 ham and 1,500 spam mails, subject, line break and body: ham first, each in the order of its file names.

    Read from ``path`` (file or folder), WHEREFROM_DATA, the cache, or fetched, as enron1.parquet or the public enron1.tar.gz. Raises
    :class:`UsageError` for a file that is missing, damaged, or something else.
    """
    file = locate(("enron1.parquet", "enron1.tar.gz"), ENRON1, path)
    try:
        texts, labels = _archived_mails(file) if tarfile.is_tarfile(file) else _tabled_mails(file)
    except (tarfile.TarError, OSError, EOFError, zlib.error, pyarrow.ArrowException) as error:
        raise UsageError(f"{file} is damaged or not Enron1 ({reason(error)}); replace it by a fresh copy.") from error
    return _labelled(file, texts, labels)


def _tabled_mails(file: Path) -> tuple[list[str], list[str]]:
    frame = pd.read_parquet(file)
    if not {"label", "subject", "body"} <= set(frame):
        raise UsageError(f"{file} lacks the columns label, subject and body; give Enron1 in that form.")
    parts = (frame[name].fillna("").tolist() for name in ("subject", "body"))
    return [f"{subject}\n{body}" for subject, body in zip(*parts, strict=True)], frame["label"].tolist()


def _archived_mails(file: Path) -> tuple[list[str], list[str]]:
    texts, labels = [], []
    with tarfile.open(file) as archive:
        mails = [member for member in archive if member.isfile() and member.name.endswith(".txt") and member.name.count("/") == 2]
        for member in sorted(mails, key=lambda member: member.name):
            content: Any = archive.extractfile(member)
            lines = content.read().decode("latin-1").replace("\r\n", "\n")
            texts.append(lines.removeprefix("Subject:").removeprefix(" "))
            labels.append(member.name.split("/")[1])
    return texts, labels


def sms_spam(path: str | Path | None = None) -> Text:
    """5,574 messages, ham or spam, in the order of the file.

    Read from ``path`` (file or folder), WHEREFROM_DATA, the cache, or fetched, as sms_spam.tsv or the public zip. Raises
    :class:`UsageError` for a file that is missing, damaged, or something else.
    """
    file = locate(("sms_spam.tsv", "SMSSpamCollection", "sms_spam.zip"), SMS_SPAM, path)
    try:
        content = file.read_bytes()
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read("SMSSpamCollection")
        lines = content.decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is damaged or not the SMS Spam Collection ({reason(error)}); replace it by a fresh copy.") from error
    rows = [line.split("\t") for line in lines]
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if wrong is not None:
        raise UsageError(f"Line {wrong} of {file} is not a label, a tab and a message; give the SMS Spam Collection.")
    return _labelled(file, [row[1] for row in rows], [row[0] for row in rows])


def bag_of_words(
    texts: Sequence[str], *, vocabulary: Sequence[str] | None = None, min_count: int = 1, binary: bool = False
) -> tuple[Tensor, tuple[str, ...]]:  # fmt: skip
    """How often each word stands in each text, float32 (n, words), and the words in order.

    Words are runs of two or more letters or digits, in lower case (scikit-learn's CountVectorizer). Without a ``vocabulary``
    it is learnt: words in at least ``min_count`` texts, by the alphabet. ``binary`` counts a word once. Raises
    :class:`UsageError` where no word is left, for a vocabulary that holds a word twice, and for one text instead of many.
    """
    if isinstance(texts, str):
        raise UsageError("One text was given where many are asked for; put it in a list.")
    if min_count < 1:
        raise UsageError(f"min_count={min_count} is no number of texts; give 1 or more.")
    words = None if vocabulary is None else list(vocabulary)
    double = next((word for word, count in Counter(words).items() if count > 1), None)
    if double is not None:
        raise UsageError(f"The vocabulary holds {double!r} more than once; give each word once.")
    number: Any = np.float32
    counter = CountVectorizer(vocabulary=words, min_df=min_count, binary=binary, dtype=number)
    try:
        counts: Any = counter.fit_transform(texts)
    except ValueError as error:
        raise UsageError(f"No words are left to count ({reason(error)}); give more texts or a smaller min_count.") from error
    return torch.from_numpy(counts.toarray()), tuple(str(word) for word in counter.get_feature_names_out())


def _labelled(file: Path, texts: list[str], labels: list[str]) -> Text:
    unknown = next((label for label in labels if label not in CLASSES), None)
    if unknown is not None or not texts:
        raise UsageError(f"{file} holds {f'the label {unknown!r}' if texts else 'no texts'}; its labels must be ham and spam.")
    y = torch.tensor([CLASSES.index(label) for label in labels])
    return Text(tuple(texts), y, np.arange(len(texts)), CLASSES)
