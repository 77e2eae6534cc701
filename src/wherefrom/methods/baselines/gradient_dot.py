"""Inner product and cosine of gradients: influence with the identity for a curvature (Charpiat et al. 2019)."""

from dataclasses import dataclass

from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients import Gradients, Rows
from wherefrom.methods.base import FittedMethod, InnerProduct, Method
from wherefrom.problem import Problem


@dataclass(frozen=True)
class GradientDot(Method):
    """∇m_q · gᵢ, the fall of the query's measurement by a small step on example i; ``unit="arbitrary"``.

    Turned round where a higher measurement is better, so that positive supports the prediction.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Find the layer rules of the model."""
        gradients = Gradients(problem)
        return InnerProduct("arbitrary", gradients.size, lambda batch: signed_measurements(gradients, batch), gradients.losses, gradients.losses)


@dataclass(frozen=True)
class GradientCosine(Method):
    """∇m_q · gᵢ / (‖∇m_q‖ ‖gᵢ‖), between -1 and 1, so that large gradients do not win by size; 0 for a gradient of 0."""

    def fit(self, problem: Problem) -> FittedMethod:
        """Find the layer rules of the model."""
        gradients = Gradients(problem)

        def query(batch: Batch) -> Rows:
            return normalised(signed_measurements(gradients, batch))

        def train(batch: Batch) -> Rows:
            return normalised(gradients.losses(batch))

        return InnerProduct("arbitrary", gradients.size, query, train, train)


def signed_measurements(gradients: Gradients, batch: Batch) -> Rows:
    """Gradients of the measurement, turned round where higher is better."""
    rows = gradients.measurements(batch)
    sign = gradients.problem.objective.sign
    return rows if sign == 1.0 else rows.scale(batch.weights.new_full((len(batch),), sign))


def normalised(rows: Rows) -> Rows:
    """Rows of length 1; a row of zeros stays."""
    return rows.scale(reciprocal(rows.norms()))


def reciprocal(values: Tensor) -> Tensor:
    """1 / x, and 0 for 0."""
    return (1 / values.where(values > 0, values.new_ones(()))).where(values > 0, values.new_zeros(()))
