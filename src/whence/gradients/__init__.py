"""Per-example gradients as rows in parameter space that keep their factors."""

from whence.gradients.blocks import Dense, Factored
from whence.gradients.capture import Gradients
from whence.gradients.layer_project import LayerProjection, LayerProjector
from whence.gradients.project import Projection, Projector
from whence.gradients.rows import Layout, Rows

__all__ = ["Dense", "Factored", "Gradients", "LayerProjection", "LayerProjector", "Layout", "Projection", "Projector", "Rows"]
