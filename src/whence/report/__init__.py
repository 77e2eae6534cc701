"""Report."""

def report() -> None:
    """To come."""
