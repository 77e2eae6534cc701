"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .bundled import bundled
from .encoder import Encoder, encode_target, fit_encoder
from .frames import read_frame
from .images import Images, cifar10, mnist
from .rows import read_rows
from .split import split, split_three
from .tables import Column, Table, read_table
from .text import Text, bag_of_words, enron1, sms_spam
from .titanic import titanic

__all__ = [
    "Column", "Encoder", "Images", "Table", "Text", "bag_of_words", "bundled", "cifar10", "encode_target", "enron1", "fit_encoder", "mnist",
    "read_frame", "read_rows", "read_table", "sms_spam", "split", "split_three", "titanic",
]  # fmt: skip
