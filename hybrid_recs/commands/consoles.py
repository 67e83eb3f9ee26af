"""Where tables are printed."""

from rich.console import Console


def wide_console() -> Console:
    """For tables: piped into another command, an id must not be cut to fit."""
    console = Console()
    return Console(width=None if console.is_terminal else 200)
