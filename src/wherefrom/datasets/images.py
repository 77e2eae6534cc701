"""Image data: MNIST (LeCun et al. 1998) from its IDX files, CIFAR-10 (Krizhevsky 2009) from Parquet."""

import hashlib
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import torch
from PIL import Image
from torch import Tensor

from wherefrom.datasets.frames import reason
from wherefrom.datasets.locate import locate, unpacked
from wherefrom.errors import UsageError
from wherefrom.progress import track

MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_STEMS = {"train": "train", "test": "t10k"}
MNIST_MD5 = {  # of the unpacked files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
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

    Read from ``path`` (the folder, or the file of images beside that of labels), WHEREFROM_DATA/mnist, the cache, or fetched. The
    md5 of the training images is checked when all are read. Raises :class:`UsageError` for a file that is missing or damaged.
    """
    _check(split, limit)
    images, labels = f"{MNIST_STEMS[split]}-images-idx3-ubyte", f"{MNIST_STEMS[split]}-labels-idx1-ubyte"
    beside = Path(path).parent if path is not None and Path(path).is_file() else path
    files = [
        locate((f"mnist/{name}", f"mnist/{name}.gz"), f"{MNIST}{name}.gz", place, md5=MNIST_MD5[name])
        for name, place in ((images, path), (labels, beside))
    ]
    pixels = _idx(files[0], 3, limit, MNIST_MD5[images] if split == "train" else None)
    digits = _idx(files[1], 1, limit, None)
    if len(pixels) != len(digits):
        raise UsageError(f"{files[0]} holds {len(pixels)} images and {files[1]} {len(digits)} labels; put both from one source there.")
    if digits.max() > 9:
        raise UsageError(f"{files[1]} holds the label {digits.max()}; MNIST's are 0 to 9, so replace it by a fresh copy.")
    X = torch.from_numpy(pixels).float().div_(255)[:, None]
    return Images(X, torch.from_numpy(digits).long(), np.arange(len(X)), tuple("0123456789"))


def cifar10(split: str = "train", *, limit: int | None = None, path: str | Path | None = None) -> Images:
    """The first ``limit`` images of CIFAR-10's "train" (50,000) or "test" (10,000) set, (n, 3, 32, 32).

    Read from ``path`` (file or folder), WHEREFROM_DATA/cifar10, the cache, or fetched. Raises :class:`UsageError` for a file that
    is missing, damaged, or something else.
    """
    _check(split, limit)
    file = locate(f"cifar10/{split}.parquet", CIFAR10.format(split=split), path)
    try:
        table = pyarrow.parquet.read_table(file, columns=["img", "label"])
        pictures, labels = (table.column(name).slice(0, limit).to_pylist() for name in ("img", "label"))
    except Exception as error:  # pyarrow raises many kinds for a damaged or foreign file
        raise UsageError(f"{file} is not CIFAR-10 in Parquet with columns img and label ({reason(error)}); replace it by a fresh copy.") from error
    unknown = next((label for label in labels if label not in range(len(CIFAR10_CLASSES))), None)
    if unknown is not None or not labels:
        raise UsageError(f"{file} holds {f'the label {unknown}' if labels else 'no images'}; give CIFAR-10, whose labels are 0 to 9.")
    read = np.stack([_picture(file, row, picture) for row, picture in enumerate(track(pictures, "reading images", len(pictures)))])
    X = torch.from_numpy(read).permute(0, 3, 1, 2).float().div_(255).contiguous()
    return Images(X, torch.tensor(labels, dtype=torch.int64), np.arange(len(X)), CIFAR10_CLASSES)


def _picture(file: Path, row: int, picture: Any) -> np.ndarray:
    try:
        pixels = np.asarray(Image.open(io.BytesIO(picture["bytes"])).convert("RGB"))
    except (OSError, SyntaxError, TypeError, KeyError) as error:  # Pillow's readers raise the first two
        raise UsageError(f"Image {row} of {file} cannot be read; replace the file by a fresh copy.") from error
    if pixels.shape != (32, 32, 3):
        raise UsageError(f"Image {row} of {file} is {pixels.shape[1]} × {pixels.shape[0]}; CIFAR-10's are 32 × 32, so replace the file.")
    return pixels


def _check(split: str, limit: int | None) -> None:
    if split not in ("train", "test"):
        raise UsageError(f"The split {split!r} is unknown; choose 'train' or 'test'.")
    if limit is not None and (not isinstance(limit, (int, np.integer)) or limit < 1):
        raise UsageError(f"limit={limit!r} asks for no images; give a whole number of 1 or more, or None for all.")


def _idx(file: Path, dimensions: int, limit: int | None, md5: str | None) -> np.ndarray:
    """The first ``limit`` entries of an IDX file of bytes, gzipped or not."""
    try:
        content = unpacked(file)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{file} is damaged ({error}); replace it by a fresh copy.") from error
    start = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) < start:
        raise UsageError(f"{file} is no whole IDX file of bytes in {dimensions} dimension{'s' * (dimensions > 1)}; replace it by a fresh copy.")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape) or not math.prod(shape):
        raise UsageError(f"{file} says {math.prod(shape)} bytes and holds {len(content) - start}; replace it by a fresh copy.")
    if md5 is not None and limit is None and hashlib.md5(content).hexdigest() != md5:
        raise UsageError(f"{file} is not the original file (its md5 is not {md5}); replace it by a fresh copy, or set limit= to take it as it is.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)[:limit].copy()
