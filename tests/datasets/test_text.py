"""Mails, messages, words."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

import wherefrom as wf
from wherefrom.datasets import bag_of_words, enron1, sms_spam


def test_real_files(data_folder: Path) -> None:
    mails, messages = enron1(data_folder), sms_spam(data_folder)
    assert torch.bincount(mails.y).tolist() == [3672, 1500]
    assert len(messages.texts) == 5574 and int(messages.y.sum()) == 747 and messages.classes == ("ham", "spam")


def test_public_archives_are_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "enron1.tar.gz", "w:gz") as archive:
        for name, text in {"enron1/spam/2.txt": "Subject: buy\nnow", "enron1/ham/1.txt": "Subject: hi\nyou"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    mails = enron1(tmp_path / "enron1.tar.gz")
    assert mails.texts == ("hi\nyou", "buy\nnow") and mails.y.tolist() == [0, 1]
    with zipfile.ZipFile(tmp_path / "sms_spam.zip", "w") as archive:
        archive.writestr("SMSSpamCollection", 'ham\tit\'s "ok"\nspam\twin\n')
    assert sms_spam(tmp_path / "sms_spam.zip").texts == ('it\'s "ok"', "win")


def test_bad_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sms_spam.tsv").write_text("ham\tx\neggs\ty\n")
    with pytest.raises(wf.UsageError, match="holds the label 'eggs'"):
        sms_spam(tmp_path)
    (tmp_path / "sms_spam.tsv").write_text("ham\tx\nspam\n")
    with pytest.raises(wf.UsageError, match="Line 2 of .* is not a label"):
        sms_spam(tmp_path)
    (tmp_path / "enron1.tar.gz").write_bytes(b"nothing")
    with pytest.raises(wf.UsageError, match="is damaged"):
        enron1(tmp_path)


def test_words_are_counted() -> None:
    counts, words = bag_of_words(["Ab ab cd", "cd ef"])
    assert words == ("ab", "cd", "ef") and counts.tolist() == [[2, 1, 0], [0, 1, 1]]
    assert bag_of_words(["Ab ab cd", "cd ef"], min_count=2)[1] == ("cd",)
    assert bag_of_words(["ab ab"], vocabulary=("zz", "ab"), binary=True)[0].tolist() == [[0, 1]]
    with pytest.raises(wf.UsageError, match="No words are left"):
        bag_of_words(["a", "b"])
