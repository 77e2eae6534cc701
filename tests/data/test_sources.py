"""A source with rows of another in it, and the forms in which users hold their data."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.data.sources import PatchedSource, TensorSource, source_of

BASE, PATCH = source_of((torch.arange(6.0),)), source_of((torch.arange(100.0, 103.0),))
PATCHED = PatchedSource(BASE, PATCH, np.array([-1, 2, -1, -1, 0, -1]))


def read(source: PatchedSource, rows: list[int], size: int) -> list[float]:
    found = {int(place): float(value) for places, (batch,) in source.read(np.array(rows), size) for place, value in zip(places, batch, strict=True)}
    return [found[place] for place in range(len(rows))]


def test_rows_of_the_other_stand_in_place_and_no_row_moves() -> None:
    assert len(PATCHED) == 6
    for size in (1, 2, 10):
        assert read(PATCHED, [0, 1, 2, 3, 4, 5], size) == [0, 102, 2, 3, 100, 5]
        assert read(PATCHED, [4, 4, 0, 1], size) == [100, 100, 0, 102]


def test_a_patch_may_be_patched_and_its_digest_tells() -> None:
    again = PatchedSource(PATCHED, BASE, np.array([5, -1, -1, -1, 3, -1]))
    assert read(again, [0, 1, 2, 3, 4, 5], 3) == [5, 102, 2, 3, 3, 5]
    elsewhere = PatchedSource(BASE, PATCH, np.array([-1, -1, 2, -1, 0, -1]))
    assert len({source.digest() for source in (BASE, PATCHED, again, elsewhere)}) == 4


def rows_by_lists(count: int = 4) -> list[dict[str, object]]:
    return [{"input_ids": [row, row + 1, row + 2], "labels": row % 3} for row in range(count)]


def test_a_list_of_samples_is_one_table_and_lists_of_numbers_are_tensors() -> None:
    source = source_of(rows_by_lists())
    ((_, batch),) = source.read(np.arange(4), 10)
    assert isinstance(source, TensorSource) and batch["input_ids"].tolist() == [[row, row + 1, row + 2] for row in range(4)]
    assert batch["labels"].tolist() == [0, 1, 2, 0]
    pairs = source_of([(torch.full((2,), float(row)), row) for row in range(3)])
    ((_, (inputs, targets)),) = pairs.read(np.arange(3), 10)
    assert inputs.shape == (3, 2) and targets.tolist() == [0, 1, 2]


def test_a_list_of_batches_stays_one() -> None:
    batches = [(torch.zeros(2, 3), torch.zeros(2)), (torch.zeros(4, 3), torch.zeros(4))]
    assert len(source_of(batches)) == 6
    with pytest.raises(wf.UsageError, match="without rows.*list of examples"):
        source_of(Batches())


class Batches:
    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield torch.zeros(3), torch.tensor(1)


@pytest.mark.parametrize("form", [None, "torch", "numpy"])
def test_a_dataset_of_hugging_face_reads_with_and_without_format(form: str | None) -> None:
    datasets = pytest.importorskip("datasets")
    source = source_of(datasets.Dataset.from_list(rows_by_lists()).with_format(form))
    ((_, batch),) = source.read(np.array([2, 0]), 10)
    assert batch["input_ids"].tolist() == [[2, 3, 4], [0, 1, 2]] and batch["labels"].tolist() == [2, 0]


def test_streams_and_splits_are_refused_with_the_fix() -> None:
    datasets = pytest.importorskip("datasets")
    whole = datasets.Dataset.from_list(rows_by_lists())
    with pytest.raises(wf.UsageError, match=r"IterableDataset: samples come in order alone; give list\(data\), or DataLoader"):
        source_of(whole.to_iterable_dataset())
    with pytest.raises(wf.UsageError, match=r"holds the splits 'train'; give one of them, such as data\['train'\]"):
        source_of(datasets.DatasetDict(train=whole))

    class Stream(torch.utils.data.IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(range(3))

    with pytest.raises(wf.UsageError, match="Stream: samples come in order alone"):
        source_of(Stream())
    ragged = [{"input_ids": [1] * (row + 1), "labels": 0} for row in range(3)]
    with pytest.raises(wf.UsageError, match="Rows 0 to 2 of the dataset do not form a batch.*collate_fn"):
        source_of(ragged)
