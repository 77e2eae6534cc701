"""Gradients of what queries ask, turned so that positive supports the prediction; and rows brought to length 1."""

from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients.capture import Gradients
from wherefrom.gradients.rows import Rows


def signed_measurements(gradients: Gradients, batch: Batch) -> Rows:
    """Return the gradients of the measurement, turned round where higher is better."""
    rows = gradients.measurements(batch)
    sign = gradients.problem.objective.sign
    return rows if sign == 1.0 else rows.scale(batch.weights.new_full((len(batch),), sign))


def normalise(rows: Rows) -> Rows:
    """Return the rows at length 1; a row of zeros stays."""
    return rows.scale(reciprocal(rows.norms()))


def reciprocal(values: Tensor) -> Tensor:
    """Return 1 / x, and 0 for 0."""
    return (1 / values.where(values > 0, values.new_ones(()))).where(values > 0, values.new_zeros(()))
