"""How a command ends when something of ours is wrong: one line and exit status 1, never a trace."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from hybrid_recs.errors import HybridRecsError


@contextmanager
def clear_errors() -> Iterator[None]:
    """For commands that print with click."""
    try:
        yield
    except (HybridRecsError, ValidationError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def reported(console: Console) -> Iterator[None]:
    """For jobs that print with rich; anything but an error of ours is a fault and keeps its trace."""
    try:
        yield
    except HybridRecsError as error:
        console.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
