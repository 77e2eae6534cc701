"""Tensors of checkpoint files and folders as they lie on disk; nothing that is pickled there is run."""

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from wherefrom.errors import UsageError

Content = dict[str, Any]  # what a file holds by name
WHOLE = ("model.safetensors", "pytorch_model.bin")
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
WRAPPED = ("state_dict", "model_state_dict", "model", "net", "network", "module")  # entries that hold the weights, the likeliest first


def read_file(path: Path) -> tuple[Content, dict[str, str]]:
    """Return the content of a safetensors or torch file, and the metadata of the former; tensors stay on disk where possible."""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118, it is no dictionary
        return torch.load(path, weights_only=True, mmap=zipfile.is_zipfile(path), map_location="cpu"), {}
    except pickle.UnpicklingError as error:
        raise UsageError(f"The file {path} is no torch file of plain tensors; write it with torch.save(model.state_dict(), path).") from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, LookupError) as error:
        raise UsageError(f"The checkpoint {path} cannot be read, it is broken or cut short; write it again.") from error


def read_folder(folder: Path) -> tuple[Content, dict[str, str]]:
    """Return the weights of a Hugging Face folder: one file, several that an index lists, or a file of adapters."""
    for name in (*WHOLE, *ADAPTERS):
        if (folder / name).exists():
            return read_file(folder / name)
        index = folder / f"{name}.index.json"
        if index.exists():
            tensors: dict[str, Any] = {}
            for part in sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())):
                if not (folder / part).exists():
                    raise UsageError(f"The folder {folder} lacks {part}, which its index lists; copy it there.")
                tensors |= read_file(folder / part)[0]
            return tensors, {}
    raise UsageError(f"The folder {folder} holds no model.safetensors; give the path of a checkpoint's file.")


def holds_adapters(path: Path) -> bool:
    """Return whether a file or folder holds a PEFT model's adapters alone."""
    if path.is_dir():
        return not any((path / name).exists() or (path / f"{name}.index.json").exists() for name in WHOLE)
    return path.name in ADAPTERS


def state_of(content: object, where: str) -> dict[str, Tensor]:
    """Return the named tensors of what a file held, also of one entry among a training's other things."""
    for key in WRAPPED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    state = {str(key): value for key, value in content.items() if isinstance(value, Tensor)} if isinstance(content, Mapping) else {}
    if not state:
        raise UsageError(f"There are no named tensors in {where}; give what model.state_dict() returns.")
    return state
