"""Which output a query asks about: its class by label, the class that the model says, or an output by number."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError

Output = Literal["target", "predicted"] | int


def check_output(output: Output) -> None:
    """Refuse what is no choice of an output."""
    if output not in ("target", "predicted") and (isinstance(output, (str, bool)) or not isinstance(output, int) or output < 0):
        raise UsageError(f"output={output!r} is unknown; give 'target', 'predicted' or the number of an output.")


def directions(output: Output, outputs: Tensor, batch: Batch) -> Tensor:
    """The combination of the outputs (B, C) that each example asks about, as rows (B, C): one output alone.

    A single output is the logit of class 1 against class 0, so class 0 asks for it with a minus; by its number it is asked for as it is.
    """
    count = outputs.shape[1]
    if isinstance(output, int):
        if output >= count:
            raise UsageError(f"output={output} is not among the model's {count} outputs, which are counted from 0.")
        return one_hot(torch.full((len(outputs),), output, device=outputs.device), count).to(outputs.dtype)
    classes = predicted_classes(outputs) if output == "predicted" else target_classes(outputs, batch)
    return (2 * classes - 1)[:, None].to(outputs.dtype) if count == 1 else one_hot(classes, count).to(outputs.dtype)


def class_logits(outputs: Tensor) -> Tensor:
    """One logit for each class (B, C): a single output f stands for the logits (0, f)."""
    flat = outputs.reshape(len(outputs), -1)
    return torch.cat([torch.zeros_like(flat), flat], 1) if flat.shape[1] == 1 else flat


def predicted_classes(outputs: Tensor) -> Tensor:
    """The class of the largest logit (B,), the first among equals."""
    return class_logits(outputs).argmax(1)


def target_classes(outputs: Tensor, batch: Batch, fix: str = "give output='predicted' or the number of an output, such as output=0") -> Tensor:
    """The class of each target (B,). Raises :class:`UsageError` where targets are no classes, which says what to do."""
    targets, count = batch.targets, class_logits(outputs).shape[1]
    if not isinstance(targets, Tensor) or targets.numel() != len(batch):
        raise UsageError(f"The targets are no classes, one for each example; {fix}.")
    classes = targets.reshape(-1)
    if outputs[0].numel() == 1:
        classes = classes.where(classes != -1, torch.zeros_like(classes))
    whole = classes.long()
    wrong = (whole != classes) | (whole < 0) | (whole >= count)
    if wrong.any():
        bad = int(wrong.nonzero()[0])
        raise UsageError(f"Target {classes[bad].item()} of example {batch.ids[bad]!s} is none of {count} classes; {fix}.")
    return whole
