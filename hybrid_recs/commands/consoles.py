"""Consoles for tables."""

from rich.console import Console


def wide_console() -> Console:
    """Wide when piped into another command, so that no id is cut."""
    console = Console()
    return Console(width=None if console.is_terminal else 200)
