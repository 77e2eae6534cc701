"""Inner product and cosine of gradients: influence with the identity for a curvature (Charpiat et al. 2019)."""

from dataclasses import dataclass

from wherefrom.data.batches import Batch
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.signed import normalise, signed_measurements
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
            return normalise(signed_measurements(gradients, batch))

        def train(batch: Batch) -> Rows:
            return normalise(gradients.losses(batch))

        return InnerProduct("arbitrary", gradients.size, query, train, train)
