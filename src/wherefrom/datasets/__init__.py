"""Files to data: tables, images and text, with their ids."""

from wherefrom.datasets.bundled import bundled
from wherefrom.datasets.encoder import Encoder, encode_target, fit_encoder
from wherefrom.datasets.frames import read_frame
from wherefrom.datasets.images import Images, cifar10, mnist
from wherefrom.datasets.rows import read_rows
from wherefrom.datasets.split import split, split_three
from wherefrom.datasets.tables import Column, Table, read_table
from wherefrom.datasets.text import Text, bag_of_words, enron1, sms_spam
from wherefrom.datasets.titanic import titanic

__all__ = [
    "Column", "Encoder", "Images", "Table", "Text", "bag_of_words", "bundled", "cifar10", "encode_target", "enron1", "fit_encoder", "mnist",
    "read_frame", "read_rows", "read_table", "sms_spam", "split", "split_three", "titanic",
]  # fmt: skip
