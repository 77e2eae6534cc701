"""Methods for tree ensembles, one a file."""
