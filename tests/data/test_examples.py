"""Examples: batches that change are found out, ids follow rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import wherefrom as wf
from wherefrom.data.examples import split_batch, split_of

X, Y = torch.arange(14.0).view(7, 2), torch.arange(7)


class Items(Dataset):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return 7

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return X[row], int(Y[row])


class Stream:
    """Batches again and again, without a length: Influenciae 0.3.0 divides 0 by 0 where TensorFlow does not know how many there are."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return iter([(X[:4], Y[:4]), (X[4:], Y[4:])])


SOURCES = {
    "tensors": (X, Y),
    "dataset": Items(),
    "loader": DataLoader(Items(), batch_size=3),
    "list": [(X[:2], Y[:2]), (X[2:], Y[2:])],
    "without a length": Stream(),
}


@pytest.mark.parametrize("data", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_every_form_reads_the_same_rows(data: object, size: int) -> None:
    chosen = wf.Examples.of(data, ids=list("abcdefg")).take(np.array([6, 0, 3]))
    rows: dict[int, float] = {}
    for places, batch in chosen.read(size):
        assert len(places) <= size
        rows |= dict(zip(places.tolist(), batch[0][:, 0].tolist(), strict=True))
    assert rows == {0: 12.0, 1: 0.0, 2: 6.0} and chosen.ids.tolist() == ["g", "a", "d"]
    assert chosen.select(["d"]).rows.tolist() == [3]


def test_batches_that_change_between_passes_are_refused() -> None:
    class Shuffled:
        def __init__(self) -> None:
            self.turn = 0

        def __iter__(self):  # type: ignore[no-untyped-def]
            self.turn += 1
            yield (X + self.turn, Y)

    with pytest.raises(wf.UsageError, match="changed between two passes.*shuffle=False"):
        list(wf.Examples.of(Shuffled()).read(3))

    class Shrinking(Shuffled):
        def __iter__(self):  # type: ignore[no-untyped-def]
            self.turn += 1
            yield (X, Y)
            if self.turn == 1:
                yield (X, Y)

    with pytest.raises(wf.UsageError, match="ended after 1 of 2"):
        list(wf.Examples.of(Shrinking()).read(3))


def test_items_that_do_not_collate_are_refused_by_row() -> None:
    class Ragged(Items):
        def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
            return torch.zeros(row + 1), row

    with pytest.raises(wf.UsageError, match="Rows 0 to 6 of the dataset do not form a batch.*collate_fn"):
        list(wf.Examples.of(Ragged()).read(7))


def test_ids_are_given_once() -> None:
    examples = wf.Examples.of((X, Y))
    assert wf.Examples.of(examples) is examples
    with pytest.raises(wf.UsageError, match="carry ids already"):
        wf.Examples.of(examples, ids=range(7))


def test_split_batch_takes_pairs_and_labels() -> None:
    assert split_batch({"labels": 1, "a": 2}) == ({"a": 2}, 1)
    with pytest.raises(wf.UsageError, match=r"no \(inputs, targets\) pair"):
        split_batch((1, 2, 3))


@dataclass(frozen=True)
class Labelled:
    x: torch.Tensor
    label: torch.Tensor
    name: str = "a batch"


class LabelledItems(Items):
    def __getitem__(self, row: int) -> Labelled:  # type: ignore[override]
        return Labelled(X[row] / 14, Y[row] % 3)


def collated(items: list[Labelled]) -> Labelled:
    return Labelled(torch.stack([item.x for item in items]), torch.stack([item.label for item in items]))


def test_batches_may_be_dataclasses() -> None:
    model, plain = torch.nn.Linear(2, 3).eval(), (X / 14, Y % 3)
    loader = DataLoader(LabelledItems(), batch_size=3, collate_fn=collated)
    boxed = wf.Problem.of(model, wf.cross_entropy(), loader, split=lambda batch: (batch.x, batch.label))
    found = wf.attribute(wf.GradientDot(), boxed, [Labelled(plain[0][:2], plain[1][:2])]).values
    truth = wf.attribute(wf.GradientDot(), wf.Problem.of(model, wf.cross_entropy(), plain), (plain[0][:2], plain[1][:2])).values
    torch.testing.assert_close(found, truth)


def test_dataclass_batches_without_a_split_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="type Labelled is no .* pass split="):
        split_batch(Labelled(X, Y))


def test_a_dataclass_of_tensors_is_data() -> None:
    @dataclass
    class Item:
        X: torch.Tensor
        y: torch.Tensor

    X, y = torch.randn(9, 4), torch.arange(9) % 3
    model = torch.nn.Linear(4, 3).eval()
    boxed = wf.Problem.of(model, wf.cross_entropy(), Item(X, y), split=lambda item: (item.X, item.y))
    plain = wf.Problem.of(model, wf.cross_entropy(), (X, y))
    found = wf.attribute(wf.GradientDot(), boxed, Item(X[:2], y[:2]))
    torch.testing.assert_close(found.values, wf.attribute(wf.GradientDot(), plain, (X[:2], y[:2])).values)


@pytest.mark.parametrize("data", SOURCES.values(), ids=SOURCES)
def test_replaced_examples_keep_their_ids_and_take_the_other_data(data: object) -> None:
    base = wf.Examples.of(data, ids=list("abcdefg")).take(np.array([6, 0, 3]))
    other = wf.Examples.of((X + 100, Y), ids=list("tuvwxya")).take(np.array([6]))
    changed = base.replaced(other)
    rows = {int(place): float(value) for places, batch in changed.read(2) for place, value in zip(places, batch[0][:, 0], strict=True)}
    assert rows == {0: 12.0, 1: 112.0, 2: 6.0} and changed.ids.tolist() == ["g", "a", "d"]
    assert changed.source.digest() != base.source.digest() and len(changed.source) == 7
    with pytest.raises(wf.UsageError, match="Id 't' is not among"):
        base.replaced(wf.Examples.of((X, Y), ids=list("tuvwxya")))


def test_labels_reach_the_decoder_as_training_gives_them() -> None:
    tokens, classes = torch.tensor([[5, 6, 2], [7, 2, -100]]), torch.tensor([0, 1])

    def shifted(labels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(labels[:, :-1], (1, 0)).clamp_min(0)

    class Model:
        config = type("Config", (), {"is_encoder_decoder": True})
        prepare_decoder_input_ids_from_labels = staticmethod(shifted)

    class Inside:
        config = Model.config

    inputs, targets = split_of(Model())({"input_ids": tokens, "labels": tokens})
    assert inputs["decoder_input_ids"].tolist() == [[0, 5, 6], [0, 7, 2]] and targets is tokens and "labels" not in inputs  # type: ignore[index,call-overload]
    inputs, _ = split_of(Inside())({"input_ids": tokens, "labels": tokens})
    assert inputs["labels"] is tokens  # type: ignore[index,call-overload]
    given = {"input_ids": tokens, "decoder_input_ids": tokens, "labels": tokens}
    assert set(split_of(Model())(given)[0]) == {"input_ids", "decoder_input_ids"} == set(split_of(object())(given)[0])  # type: ignore[arg-type]
    assert set(split_of(Model())({"input_ids": tokens, "labels": classes})[0]) == {"input_ids"}  # type: ignore[arg-type]
