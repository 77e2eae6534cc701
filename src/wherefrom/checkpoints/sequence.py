"""Checkpoints in a row: a list of any forms, a glob text, or a folder that holds them, in the order of training."""

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn

from wherefrom.checkpoints.checkpoint import Checkpoint
from wherefrom.checkpoints.files import ADAPTERS, WHOLE, state_of
from wherefrom.checkpoints.recorder import CheckpointRecorder, rate_of
from wherefrom.errors import UsageError, remark

Checkpoints: TypeAlias = CheckpointRecorder | Iterable[Checkpoint | str | Path | Mapping[str, Tensor]] | str | Path
PATTERNS = ("checkpoint-*", "*.ckpt", "*.safetensors", "*.pt")  # what a folder of checkpoints holds, the likeliest first


def as_checkpoints(checkpoints: Checkpoints, learning_rates: float | Sequence[float] | None = None) -> tuple[Checkpoint, ...]:
    """Return checkpoints with their learning rates and names filled in.

    ``checkpoints``: a :class:`CheckpointRecorder`, a sequence of state dicts, paths and :class:`Checkpoint`, a glob text such as
    ``"out/checkpoint-*"``, or a folder that holds checkpoints, in the order of their steps. ``learning_rates``: one number for all, or one for
    each; None = the recorded ones, or 1 where none is recorded, which the scores' notes then say. Raises ``UsageError`` for an empty
    sequence, a single state dict or path, a count of rates that differs, a negative or not finite rate, and checkpoints of which only some know
    their rate.
    """
    if isinstance(checkpoints, CheckpointRecorder):
        checkpoints = checkpoints.checkpoints
    if isinstance(checkpoints, (str, Path)):
        checkpoints = _in_order(checkpoints)
    if isinstance(checkpoints, (Mapping, Checkpoint, nn.Module)):
        raise _single()
    if not isinstance(checkpoints, Iterable):
        raise UsageError(f"A {type(checkpoints).__name__} is no sequence of checkpoints; give a list of state dicts or paths.")
    given = [_checkpoint(item, place) for place, item in enumerate(checkpoints)]
    if not given:
        raise UsageError("There are no checkpoints; give at least one.")
    if learning_rates is not None:
        given = [replace(item, notes=()) for item in given]
    elif len(given) > 1 and all(item.learning_rate is None for item in given):
        said = "no checkpoint knows the learning rate of its steps, so all count alike; give learning_rates= where it changed"
        if any(item.step is not None for item in given):  # a trainer's, which might have known
            given[0] = replace(given[0], notes=(*given[0].notes, said))
        else:
            remark(f"{said[0].upper()}{said[1:]}.")
    return tuple(replace(item, learning_rate=rate) for item, rate in zip(given, _rates(given, learning_rates), strict=True))


def number_of(checkpoints: Checkpoints) -> int:
    """Return how many checkpoints there are, without reading them."""
    if isinstance(checkpoints, (str, Path)):
        return len(_paths(checkpoints))
    return len(checkpoints) if hasattr(checkpoints, "__len__") else len(as_checkpoints(checkpoints, 1.0))  # type: ignore[arg-type]


def counted(checkpoints: object) -> str:
    """Say how many checkpoints there are, or where."""
    if isinstance(checkpoints, (str, Path)):
        return repr(str(checkpoints))
    number = len(checkpoints) if hasattr(checkpoints, "__len__") else "?"  # type: ignore[arg-type]
    return f"{number} checkpoint{'' if number == 1 else 's'}"


def _in_order(place: str | Path) -> list[Checkpoint]:
    """Read the checkpoints of a glob text or a folder, in the order of their steps where they know them, else of the numbers in their names."""
    checkpoints = [Checkpoint.load(path) for path in _paths(place)]
    if all(item.step is not None for item in checkpoints):
        checkpoints.sort(key=lambda item: item.step or 0)
    return checkpoints


def _paths(place: str | Path) -> list[Path]:
    """Return the paths that a glob text or a folder stands for, in the order of the numbers in their names."""
    text, found = str(place), list[Path]()
    if Path(text).is_dir() and not any((Path(text) / name).exists() or (Path(text) / f"{name}.index.json").exists() for name in (*WHOLE, *ADAPTERS)):
        found = next((paths for pattern in PATTERNS if (paths := list(Path(text).glob(pattern)))), [])
        if not found:
            raise UsageError(f"The folder {text} holds no checkpoints ({', '.join(PATTERNS)}); give the folder that a training wrote to.")
    elif glob.has_magic(text) and not Path(text).exists():
        found = [Path(path) for path in glob.glob(text, recursive=True)]
        if not found:
            raise UsageError(f"No file or folder has a name like {text}; give the place that a training wrote its checkpoints to.")
    else:
        raise _single()
    return sorted(found, key=lambda path: [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))])


def _single() -> UsageError:
    return UsageError("A single checkpoint stands where a sequence is wanted; put it in a list.")


def _checkpoint(item: Any, place: int) -> Checkpoint:
    if isinstance(item, Checkpoint):
        return item if item.name else replace(item, name=f"checkpoint {place}")
    if isinstance(item, (str, Path)):
        return Checkpoint.load(item)
    if isinstance(item, Mapping):
        return Checkpoint(state_of(item, f"checkpoint {place}"), name=f"checkpoint {place}")
    hint = "its state_dict()" if isinstance(item, nn.Module) else "a state dict, a path or a Checkpoint"
    raise UsageError(f"Checkpoint {place} is a {type(item).__name__}; give {hint}.")


def _rates(given: list[Checkpoint], learning_rates: Any) -> list[float]:
    if learning_rates is None:
        unknown = [place for place, item in enumerate(given) if item.learning_rate is None]
        if 0 < len(unknown) < len(given):
            why = "".join(f" ({note})" for note in given[unknown[0]].notes[:1])
            raise UsageError(f"Checkpoint {unknown[0]} has no learning rate while others have{why}; give learning_rates.")
        if all(item.learning_rate == 0 for item in given):
            raise UsageError("No step was taken from these checkpoints (their learning rate is 0); take earlier ones too, or give learning_rates.")
        return [1.0 if item.learning_rate is None else rate_of(item.learning_rate) for item in given]
    listed = learning_rates.tolist() if hasattr(learning_rates, "tolist") else learning_rates
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        return [rate_of(listed)] * len(given)
    rates = [rate_of(rate) for rate in listed]
    if len(rates) != len(given):
        raise UsageError(f"{_count(len(rates), 'learning rate')} for {_count(len(given), 'checkpoint')}; give one for each.")
    return rates


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
