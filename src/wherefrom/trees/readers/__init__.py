"""Reading fitted ensembles, one library a file."""
