"""Ends a command after an expected error: one line and exit status 1, without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from hybrid_recs.errors import HybridRecsError


@contextmanager
def click_errors() -> Iterator[None]:
    """For commands that print with click, and read settings inside the block."""
    try:
        yield
    except (HybridRecsError, ValidationError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def print_errors(console: Console) -> Iterator[None]:
    """For jobs that print with rich; an unexpected error keeps its traceback."""
    try:
        yield
    except HybridRecsError as error:
        console.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
