"""Per-example gradients as rows in parameter space that keep their factors."""

from wherefrom.gradients.blocks import Dense, Factored
from wherefrom.gradients.capture import Gradients
from wherefrom.gradients.layer_projection import LayerProjection, LayerProjector
from wherefrom.gradients.projection import Projection, Projector
from wherefrom.gradients.rows import Layout, Rows

__all__ = ["Dense", "Factored", "Gradients", "LayerProjection", "LayerProjector", "Layout", "Projection", "Projector", "Rows"]
