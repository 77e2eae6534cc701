"""A checkpoint's names in a live model's: wrappers' prefixes taken off, tied weights by either name, adapters by their PEFT model's."""

from collections.abc import Mapping

from torch import Tensor, nn

from wherefrom.errors import UsageError


def named_for(model: nn.Module, state: Mapping[str, Tensor], adapters: bool = False) -> dict[str, Tensor]:
    """Return a checkpoint's tensors under the names of the model's parameters and buffers; what is missing stays missing.

    A prefix that all parameters share on either side is taken off (``module.``, ``_orig_mod.``, ``model.``, ``net.``). ``adapters``: names are
    those under which PEFT saves, without the adapter's own. Raises :class:`UsageError` where two prefixes would do.
    """
    state = {name.replace("_orig_mod.", ""): value for name, value in state.items()}
    twins: dict[int, list[str]] = {}
    for name, value in model.named_parameters(remove_duplicate=False):
        twins.setdefault(id(value), []).append(name)
    saved = {name: _saved_name(model, name) if adapters else name for names in twins.values() for name in names}
    prefix = _prefix([[saved[name] for name in names] for names in twins.values()], state, adapters)
    found: dict[str, Tensor] = {}
    for names in twins.values():
        given = next((state[key] for name in names if (key := _under(prefix, saved[name])) in state), None)
        if given is not None:
            found[names[0]] = given
    for name, _ in model.named_buffers():
        if (key := _under(prefix, name)) in state:
            found[name] = state[key]
    return found


def _under(prefix: str, name: str) -> str:
    """The checkpoint's name: with its prefix, or without the model's own ("-prefix")."""
    return name.removeprefix(prefix[1:]) if prefix.startswith("-") else prefix + name


def _prefix(twins: list[list[str]], state: Mapping[str, Tensor], adapters: bool) -> str:
    """What the checkpoint's names have before the model's, "-" and what the model's have before the checkpoint's, or nothing."""

    def serves(prefix: str) -> bool:
        return all(any(_under(prefix, name) in state for name in names) for names in twins)

    if adapters or serves(""):
        return ""
    first = twins[0]
    ahead = sorted({key.removesuffix(name) for name in first for key in state if key.endswith("." + name)})
    fitting = [prefix for prefix in ahead if serves(prefix)]
    if len(fitting) > 1:
        raise UsageError(
            f"The checkpoint holds these parameters under {fitting[0]!r} and under {fitting[1]!r}; "
            f"give the entries of one, such as {{name.removeprefix({fitting[0]!r}): value ...}}."
        )
    parts = first[0].split(".")
    behind = ["-" + ".".join(parts[:count]) + "." for count in range(1, len(parts))]
    return next(iter([*fitting, *(prefix for prefix in behind if serves(prefix))]), "")


def _saved_name(model: nn.Module, name: str) -> str:
    """The name under which PEFT saves an adapter's parameter: without the adapter's name."""
    for adapter in getattr(model, "peft_config", {}):
        if name == f"prompt_encoder.{adapter}.embedding.weight":
            return "prompt_embeddings"
        name = name.replace(f".modules_to_save.{adapter}.", ".").replace(f".lora_magnitude_vector.{adapter}.weight", ".lora_magnitude_vector")
        name = name.replace(f".{adapter}.", ".").removesuffix(f".{adapter}")
    return name
