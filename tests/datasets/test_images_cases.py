"""MNIST and CIFAR-10: where they are found, and the sentence of each refusal."""

import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from wherefrom import UsageError
from wherefrom.datasets import cifar10, mnist

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.astype(np.uint8).tobytes()


def digits(folder: Path, n: int = 3, ending: str = ".gz") -> Path:
    pack = gzip.compress if ending else bytes
    (folder / f"{IMAGES}{ending}").write_bytes(pack(idx(np.arange(n * 784).reshape(n, 28, 28) % 256)))
    (folder / f"{LABELS}{ending}").write_bytes(pack(idx(np.arange(n) % 10)))
    return folder


def pictures(folder: Path, contents: list[object], labels: list[int]) -> Path:
    cells = pa.array([{"bytes": content, "path": None} for content in contents], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"img": cells, "label": pa.array(labels, pa.int64())}), folder / "train.parquet")
    return folder


def png(size: tuple[int, int], mode: str = "RGB", colour: object = (255, 0, 51)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")  # type: ignore[arg-type]
    return file.getvalue()


def test_mnist_by_the_environment(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    images = mnist("test", limit=100)
    assert images.X.dtype == torch.float32 and images.y.dtype == torch.int64 and images.ids.dtype == np.int64
    assert images.X.shape == (100, 1, 28, 28) and (images.X.min(), images.X.max()) == (0, 1) and images.classes == tuple("0123456789")
    assert mnist("test", limit=99_999).ids.tolist() == list(range(10_000))


def test_cifar10_by_the_environment(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    images = cifar10("train", limit=40)
    assert images.X.dtype == torch.float32 and images.X.shape == (40, 3, 32, 32) and 0 <= images.X.min() < images.X.max() <= 1
    assert images.ids.tolist() == list(range(40)) and images.classes[1] == "automobile" and len(images.classes) == 10


@pytest.mark.parametrize("ending", [".gz", ""])
def test_idx_files_packed_or_not_by_folder_or_file(tmp_path: Path, ending: str) -> None:
    digits(tmp_path, 3, ending)
    for path in (tmp_path, tmp_path / f"{IMAGES}{ending}"):
        found = mnist("test", path=path)
        assert found.y.tolist() == [0, 1, 2] and found.X[0, 0, 0, :3].tolist() == pytest.approx([0, 1 / 255, 2 / 255])


def test_pictures_are_channels_first(tmp_path: Path) -> None:
    found = cifar10(path=pictures(tmp_path, [png((32, 32)), png((32, 32), "L", 255)], [3, 9]) / "train.parquet")
    assert found.X[0, :, 5, 7].tolist() == pytest.approx([1, 0, 0.2]) and found.X[1].unique().tolist() == [1] and found.y.tolist() == [3, 9]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (IMAGES, b"", r"is no whole IDX file of bytes in 3 dimensions; replace it by a fresh copy."),
        (IMAGES, bytes([0, 0, 8, 3, 0]), r"is no whole IDX file"),
        (IMAGES, idx(np.zeros(3)), r"is no whole IDX file"),
        (LABELS, idx(np.zeros((3, 2))), r"is no whole IDX file of bytes in 1 dimension; replace"),
        (IMAGES, idx(np.zeros((3, 28, 28)))[:-1], r"says 2352 bytes and holds 2351; replace it by a fresh copy."),
        (IMAGES, idx(np.zeros((3, 28, 28))) + b"x", r"says 2352 bytes and holds 2353"),
        (IMAGES, bytes([0, 0, 8, 3]) + b"\xff" * 12, r"says 79228162458924105385300197375 bytes and holds 0"),
        (IMAGES, idx(np.zeros((0, 28, 28))), r"says 0 bytes and holds 0"),
        (IMAGES, idx(np.zeros((4, 28, 28))), r"holds 4 images and .* 3 labels; put both from one source there."),
        (LABELS, idx(np.array([1, 11, 2])), r"holds the label 11; MNIST's are 0 to 9, so replace it by a fresh copy."),
    ],
)
def test_bad_idx_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (digits(tmp_path, 3, "") / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        mnist("test", path=tmp_path)


@pytest.mark.parametrize("wrong", ["cut", "flipped"])
def test_damaged_archives(tmp_path: Path, wrong: str) -> None:
    file = digits(tmp_path) / f"{IMAGES}.gz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(bytes(content) if wrong == "flipped" else file.read_bytes()[:-30])
    with pytest.raises(UsageError, match=r"is damaged \(.*\); replace it by a fresh copy."):
        mnist("test", path=tmp_path)


def test_other_training_images_are_refused_unless_limited(tmp_path: Path) -> None:
    digits(tmp_path)
    for name in (IMAGES, LABELS):
        (tmp_path / f"{name}.gz").rename(tmp_path / f"{name.replace('t10k', 'train')}.gz")
    with pytest.raises(UsageError, match=r"is not the original file \(its md5 is not 6bbc9ace.*\); replace .*, or set limit="):
        mnist("train", path=tmp_path)
    assert len(mnist("train", limit=3, path=tmp_path).X) == 3


@pytest.mark.parametrize(
    ("contents", "labels", "message"),
    [
        ([b"no picture"], [1], r"Image 0 of .*train.parquet cannot be read; replace the file by a fresh copy."),
        ([png((32, 32)), None], [1, 2], r"Image 1 of .* cannot be read"),
        ([png((28, 32))], [1], r"Image 0 of .* is 28 × 32; CIFAR-10's are 32 × 32, so replace the file."),
        ([png((32, 32))], [10], r"holds the label 10; give CIFAR-10, whose labels are 0 to 9."),
        ([], [], r"holds no images; give CIFAR-10"),
    ],
)
def test_bad_pictures(tmp_path: Path, contents: list[object], labels: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cifar10(path=pictures(tmp_path, contents, labels))


def test_foreign_parquet(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"is not CIFAR-10 in Parquet with columns img and label \(.*\); replace it by a fresh copy."):
        cifar10(path=tmp_path)


@pytest.mark.parametrize("load", [mnist, cifar10])
@pytest.mark.parametrize("limit", [0, -3, 1.5, "5"])
def test_bad_limits(load: object, limit: object) -> None:
    with pytest.raises(UsageError, match=r"limit=.* asks for no images; give a whole number of 1 or more, or None for all."):
        load("test", limit=limit)  # type: ignore[operator]


def test_bad_splits() -> None:
    with pytest.raises(UsageError, match=r"The split 'valid' is unknown; choose 'train' or 'test'."):
        mnist("valid")
