"""MNIST and CIFAR-10."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import wherefrom as wf
from wherefrom.datasets import cifar10, mnist


def test_mnist(data_folder: Path) -> None:
    images = mnist("test", path=data_folder / "mnist")
    assert images.X.shape == (10_000, 1, 28, 28) and images.y[:4].tolist() == [7, 2, 1, 0] and float(images.X.max()) == 1
    few = mnist("train", limit=5, path=data_folder)
    assert few.y.tolist() == [5, 0, 4, 1, 9] and few.ids.tolist() == [0, 1, 2, 3, 4]


def test_all_training_images_pass_their_checksum(data_folder: Path) -> None:
    assert len(mnist("train", path=data_folder).X) == 60_000


def test_cifar10(data_folder: Path) -> None:
    images = cifar10("test", limit=50, path=data_folder)
    assert images.X.shape == (50, 3, 32, 32) and images.classes[int(images.y[0])] in images.classes


def idx(folder: Path, images: int, labels: int, magic: bytes = b"\0\0\x08\x03") -> Path:
    pixels = magic + np.array([images, 28, 28], ">u4").tobytes() + bytes(images * 784)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(pixels))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01" + np.array([labels], ">u4").tobytes() + bytes(labels)))
    return folder


def test_small_files_of_the_same_form_are_read(tmp_path: Path) -> None:
    assert torch.equal(mnist("test", path=idx(tmp_path, 3, 3)).X, torch.zeros(3, 1, 28, 28))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="3 images and .* 2 labels"):
        mnist("test", path=idx(tmp_path, 3, 2))
    with pytest.raises(wf.UsageError, match="no whole IDX file"):
        mnist("test", path=idx(tmp_path, 3, 3, b"\0\0\x0d\x03"))
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(wf.UsageError, match="is damaged"):
        mnist("test", path=tmp_path)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(wf.UsageError, match="not CIFAR-10 in Parquet"):
        cifar10("test", path=tmp_path)


@pytest.mark.parametrize("load", [mnist, cifar10])
def test_bad_requests_are_refused(load: object) -> None:
    with pytest.raises(wf.UsageError, match="choose 'train' or 'test'"):
        load("valid")  # type: ignore[operator]
    with pytest.raises(wf.UsageError, match="limit=0"):
        load("test", limit=0)  # type: ignore[operator]
