"""Representer points: predictions as sums over training examples at the last layer."""
