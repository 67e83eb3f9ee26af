"""Report which tier answered and what to change: python -m jobs.hit_rate_report --window 24h."""

import sys
from pathlib import Path

import click
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import connect
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.reports.formats import FORMATS, render_bundle
from hybrid_recs.reports.hit_rate_bundle import hit_rate_bundle
from hybrid_recs.reports.terminal import print_bundle
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.window import parse_window


@click.command(help=__doc__)
@click.option("--window", default="24h", show_default=True, help="how far back: 30m, 24h, 7d; at most 8d")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="write the report to this file")
@click.option("--generation", help="count only the answers of this generation")
@click.option("--target", type=click.FloatRange(0, 1, min_open=True), default=0.9, show_default=True)
@click.option(
    "--cores", type=click.IntRange(1), help="cores of the service  [default: those of this machine]"
)
def main(
    window: str, form: str, out: Path | None, generation: str | None, target: float, cores: int | None
) -> None:
    """Read the counters of the window, measure the costs, and write the report."""
    settings, console = Settings(), Console(highlight=False)
    with print_errors(console):
        seconds = parse_window(window)
        with connect(wiring.redis_url(settings)) as client:
            bundle = hit_rate_bundle(
                client,
                wiring.keys(settings),
                wiring.store(settings).open_current_if_any(),
                wiring.rising_after(settings),
                seconds,
                target,
                generation,
                cores=cores,
            )
        if form == "text" and out is None:
            print_bundle(bundle, console)
            return
        text = render_bundle(bundle, form)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{out}: {len(text.encode()) / 1e3:,.0f} kB", err=True)
