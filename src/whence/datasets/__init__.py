"""Files to data."""
