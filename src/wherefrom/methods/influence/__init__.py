"""Influence functions and what follows from them: a query's gradient through an inverse curvature."""
