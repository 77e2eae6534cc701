"""Attacks on training inputs by the derivative of what retraining does."""
