"""Image data: MNIST (LeCun et al. 1998) from its IDX files, CIFAR-10 (Krizhevsky 2009) from Parquet."""

import gzip
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch
from PIL import Image
from torch import Tensor

from whence.datasets.locate import locate
from whence.errors import UsageError
from whence.progress import track

MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_STEMS = {"train": "train", "test": "t10k"}
MNIST_MD5 = {"train": "6bbc9ace898e44ae57da46a324031adb"}  # of the unpacked images
CIFAR10 = "https://huggingface.co/datasets/uoft-cs/cifar10/resolve/main/plain_text/{split}-00000-of-00001.parquet"
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures ``X`` (n, c, h, w) float32 in [0, 1], class positions ``y`` (n,), ids = places in the file, class names."""

    X: Tensor
    y: Tensor
    ids: np.ndarray
    classes: tuple[str, ...]


def mnist(split: str = "train", *, limit: int | None = None, path: str | Path | None = None) -> Images:
    """The first ``limit`` digits of MNIST's "train" (60,000) or "test" (10,000) set, (n, 1, 28, 28).

    Read from ``path``, WHENCE_DATA/mnist, the cache, or fetched; the md5 of the training images is checked when all are read.
    """
    _check(split, limit)
    stem = MNIST_STEMS[split]
    names = [f"{stem}-images-idx3-ubyte.gz", f"{stem}-labels-idx1-ubyte.gz"]
    files = [locate(f"mnist/{name}", MNIST + name, path) for name in names]
    pixels, labels = _idx(files[0], 3, limit, MNIST_MD5.get(split)), _idx(files[1], 1, limit, None)
    if len(pixels) != len(labels):
        raise UsageError(f"{files[0]} holds {len(pixels)} images and {files[1]} {len(labels)} labels; fetch both again.")
    X = torch.from_numpy(pixels).float().div_(255)[:, None]
    return Images(X, torch.from_numpy(labels).long(), np.arange(len(X)), tuple("0123456789"))


def cifar10(split: str = "train", *, limit: int | None = None, path: str | Path | None = None) -> Images:
    """The first ``limit`` images of CIFAR-10's "train" (50,000) or "test" (10,000) set, (n, 3, 32, 32)."""
    _check(split, limit)
    file = locate(f"cifar10/{split}.parquet", CIFAR10.format(split=split), path)
    try:
        table = pyarrow.parquet.read_table(file)
        pictures, labels = (table.column(name).slice(0, limit).to_pylist() for name in ("img", "label"))
    except Exception as error:  # pyarrow raises many kinds for a damaged or foreign file
        raise UsageError(f"{file} is not CIFAR-10 in Parquet with columns img and label ({str(error).splitlines()[0]}); fetch it again.") from error
    read = [np.asarray(Image.open(io.BytesIO(picture["bytes"])).convert("RGB")) for picture in track(pictures, "reading images", len(pictures))]
    X = torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).float().div_(255).contiguous()
    return Images(X, torch.tensor(labels, dtype=torch.int64), np.arange(len(X)), CIFAR10_CLASSES)


def _check(split: str, limit: int | None) -> None:
    if split not in ("train", "test"):
        raise UsageError(f"split={split!r} is unknown; choose 'train' or 'test'.")
    if limit is not None and limit < 1:
        raise UsageError(f"limit={limit} asks for no images; give 1 or more, or None for all.")


def _idx(file: Path, dimensions: int, limit: int | None, md5: str | None) -> np.ndarray:
    """The first ``limit`` entries of an IDX file of bytes, gzipped or not."""
    try:
        content = file.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"{file} is damaged ({error}); fetch it again.") from error
    shape = tuple(np.frombuffer(content[4 : 4 + 4 * dimensions], ">u4").tolist())
    start = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) - start != int(np.prod(shape)):
        raise UsageError(f"{file} is no whole IDX file of {dimensions} dimensions; fetch it again.")
    if md5 is not None and limit is None and hashlib.md5(content).hexdigest() != md5:
        raise UsageError(f"{file} is not the original file (its md5 is not {md5}); fetch it again.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)[:limit].copy()
