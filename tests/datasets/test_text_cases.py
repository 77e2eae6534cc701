"""Mails, messages and words: order, line ends, and the sentence of each refusal."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wherefrom import UsageError
from wherefrom.datasets import bag_of_words, enron1, sms_spam


def test_by_the_environment(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    mails, messages = enron1(), sms_spam()
    assert mails.texts[0].startswith("christmas tree farm pictures\n") and mails.ids.tolist() == list(range(5172))
    assert messages.texts[0].startswith("Go until jurong point") and messages.ids.tolist() == list(range(5574))
    assert mails.y.dtype == messages.y.dtype == torch.int64 and mails.classes == ("ham", "spam")


def test_the_archive_and_the_table_of_mails_read_alike(tmp_path: Path) -> None:
    mails = {"enron1/spam/1.txt": "Subject:\r\nbuy", "enron1/ham/2.txt": "Subject: hi\r\nyou\r\n", "enron1/ham/1.txt": "Subject: é\r\n"}
    with tarfile.open(tmp_path / "enron1.tar.gz", "w:gz") as archive:
        for name, text in (mails | {"enron1/Summary.txt": "not a mail"}).items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode("latin-1"))
            archive.addfile(info, io.BytesIO(text.encode("latin-1")))
    read = enron1(tmp_path)
    assert read.texts == ("é\n", "hi\nyou\n", "\nbuy") and read.y.tolist() == [0, 0, 1]
    frame = pd.DataFrame({"label": ["ham", "ham", "spam"], "subject": ["é", "hi", None], "body": [None, "you\n", "buy"]})
    frame.to_parquet(tmp_path / "enron1.parquet")
    assert enron1(tmp_path).texts == read.texts  # and the table comes first


@pytest.mark.parametrize("name", ["sms_spam.tsv", "SMSSpamCollection"])
def test_messages_by_either_name_with_either_line_end(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("ham\tein “Wort”\r\nspam\twin\r\n".encode())
    assert sms_spam(tmp_path).texts == ("ein “Wort”", "win")


@pytest.mark.parametrize(
    ("load", "name", "content", "message"),
    [
        (enron1, "enron1.parquet", b"PAR1junk", r"is damaged or not Enron1 \(.*\); replace it by a fresh copy."),
        (enron1, "enron1.tar.gz", b"\x1f\x8b\x08junk", r"is damaged or not Enron1"),
        (sms_spam, "sms_spam.zip", b"PK\3\4junk", r"is damaged or not the SMS Spam Collection \(.*\); replace it by a fresh copy."),
        (sms_spam, "sms_spam.tsv", b"ham\t\xff\xfe\n", r"is damaged or not the SMS Spam Collection"),
        (sms_spam, "sms_spam.tsv", b"ham\tx\nspam\ty\tz\n", r"Line 2 of .* is not a label, a tab and a message; give the SMS Spam Collection."),
        (sms_spam, "sms_spam.tsv", b"", r"Line 1 of .* is not a label"),
        (sms_spam, "sms_spam.tsv", b"Ham\tx\n", r"holds the label 'Ham'; its labels must be ham and spam."),
    ],
)
def test_refused(tmp_path: Path, load: object, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load(tmp_path)  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_foreign_tables_and_archives(tmp_path: Path) -> None:
    pd.DataFrame({"label": ["ham"], "text": ["x"]}).to_parquet(tmp_path / "enron1.parquet")
    with pytest.raises(UsageError, match=r"lacks the columns label, subject and body; give Enron1 in that form."):
        enron1(tmp_path)
    pd.DataFrame({"label": [], "subject": [], "body": []}).to_parquet(tmp_path / "enron1.parquet")
    with pytest.raises(UsageError, match=r"holds no texts; its labels must be ham and spam."):
        enron1(tmp_path)
    with zipfile.ZipFile(tmp_path / "sms_spam.zip", "w") as archive:
        archive.writestr("other", "x")
    with pytest.raises(UsageError, match="is damaged or not the SMS Spam Collection"):
        sms_spam(tmp_path)


def test_a_vocabulary_carries_over() -> None:
    counts, words = bag_of_words(["one two", "two three"])
    later, same = bag_of_words(["two two four"], vocabulary=words)
    assert counts.dtype == later.dtype == torch.float32 and same == words and later.tolist() == [[0, 0, 2]]
    assert words == ("one", "three", "two")


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ("one text", {}, r"One text was given where many are asked for; put it in a list."),
        (["aa"], {"min_count": 0}, r"min_count=0 is no number of texts; give 1 or more."),
        (["aa"], {"vocabulary": ["aa", "bb", "aa"]}, r"The vocabulary holds 'aa' more than once; give each word once."),
        (["aa"], {"vocabulary": []}, r"No words are left to count \(.*\); give more texts or a smaller min_count."),
        (["aa", "bb"], {"min_count": 2}, r"No words are left to count"),
        ([], {}, r"No words are left to count"),
    ],
)
def test_no_words(texts: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bag_of_words(texts, **options)  # type: ignore[arg-type]


def test_words_may_be_an_array() -> None:
    assert bag_of_words(["aa bb"], vocabulary=np.array(["bb", "aa"]))[1] == ("bb", "aa")  # type: ignore[arg-type]
