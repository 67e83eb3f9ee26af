"""What a Polars error says, in one line."""


def first_line(error: Exception) -> str:
    """The summary of an error, without its details."""
    return str(error).split("\n", 1)[0]
