"""Scores that need no inverse curvature: similarity, loss, distance to the boundary, chance."""
