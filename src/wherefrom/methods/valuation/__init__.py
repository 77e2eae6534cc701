"""The value of training examples to a model's accuracy."""
