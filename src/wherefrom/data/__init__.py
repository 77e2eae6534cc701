"""Training data and queries in one form: trees of tensors, sources that are read in batches, examples with ids."""
