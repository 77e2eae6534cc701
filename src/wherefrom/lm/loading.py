"""A model of a folder or a name: with its head as the configuration names it, its adapters on their base, and its tokenizer."""

from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import nn

from wherefrom.errors import UsageError
from wherefrom.lm.extra import package
from wherefrom.lm.tokenizer import TextTokenizer

ADAPTER = "adapter_config.json"


def open_model(source: str | Path | nn.Module, base: str | Path | nn.Module | None = None, dtype: torch.dtype | None = None) -> nn.Module:
    """Return a model in eval mode, its weights in the type in which they are stored (or ``dtype``); one that is given stays as it is.

    A folder with adapters of PEFT opens through its base: that which it names, or ``base``. Raises :class:`UsageError` where nothing can be opened.
    """
    if isinstance(source, nn.Module):
        return source
    if not (Path(source) / ADAPTER).is_file():
        return _whole_model(source, dtype)
    peft = package("peft")
    named = base if base is not None else _adapter(source)["base_model_name_or_path"]
    if not named:
        raise UsageError(f"{source} does not name the model that its adapters stand on; give base=.")
    try:
        model = named if isinstance(named, nn.Module) else _whole_model(named, dtype)
    except UsageError as error:
        raise UsageError(f"The adapters of {source} stand on {named}, which cannot be opened; give base=. ({error})") from error
    return peft.PeftModel.from_pretrained(model, str(source)).eval()


def open_tokenizer(tokenizer: TextTokenizer | str | Path | None, source: str | Path | nn.Module) -> TextTokenizer | None:
    """Return a tokenizer: as given, of a folder or name, or that which lies beside a model; None where there is none."""
    if tokenizer is not None and not isinstance(tokenizer, (str, Path)):
        return tokenizer
    places = [tokenizer] if tokenizer is not None else [] if isinstance(source, nn.Module) else [source, *_base_of(source)]
    for place in places:
        try:
            return package("transformers").AutoTokenizer.from_pretrained(str(place))
        except (ImportError, OSError, ValueError, KeyError, TypeError) as error:  # without files some versions ask for other packages
            if tokenizer is not None:
                raise UsageError(f"No tokenizer opens from {place} ({_first_line(error)}); give a tokenizer or its folder.") from error
    return None


def adapter_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a PEFT model's adapters in use, and of the modules saved with them. Raises :class:`UsageError` for merged ones."""
    tuned = cast("Any", model)
    if any(getattr(module, "merged", False) is True for module in model.modules()):
        raise UsageError("The adapters are merged into the model, so their own weights play no part; call model.unmerge_adapter() first.")
    active = tuned.active_adapters if isinstance(tuned.active_adapters, list) else [tuned.active_adapter]
    prefix = getattr(tuned.base_model, "prefix", None)
    marks = tuple(f".{name}" for name in active)

    def own(name: str) -> bool:
        inside = any(f"{mark}." in f"{name}." for mark in marks)
        return inside and (prefix is None or prefix in name or "modules_to_save" in name or "prompt_encoder" in name or "trainable_tokens" in name)

    names = tuple(name for name, value in model.named_parameters() if value.requires_grad or own(name))
    if not names:
        raise UsageError("No adapter of the model is active; call model.set_adapter(name), or give parameters=.")
    return names


def _whole_model(source: str | Path, dtype: torch.dtype | None) -> nn.Module:
    transformers = package("transformers")
    try:
        config = transformers.AutoConfig.from_pretrained(str(source))
        names = getattr(config, "architectures", None) or []
        found = getattr(transformers, names[0], None) if names else None
        if found is None:
            raise UsageError(f"The configuration of {source} names no architecture of transformers; give the model itself.")
        kind = "dtype" if _release(transformers) >= (4, 56) else "torch_dtype"
        return found.from_pretrained(str(source), **{kind: dtype or "auto"}).eval()
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"No model opens from {source} ({_first_line(error)}); give a folder with config.json and weights, or the model.") from error


def _release(module: ModuleType) -> tuple[int, ...]:
    return tuple(int(part) for part in module.__version__.split(".")[:2])


def _adapter(source: str | Path) -> dict[str, Any]:
    import json

    return json.loads((Path(source) / ADAPTER).read_text(encoding="utf-8"))


def _base_of(source: str | Path) -> list[str]:
    named = _adapter(source).get("base_model_name_or_path") if (Path(source) / ADAPTER).is_file() else None
    return [named] if named else []


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200]
