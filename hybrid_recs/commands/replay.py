"""Send the latest interactions as requests: python -m jobs.replay --dataset dataset.toml --days 30."""

import sys
from pathlib import Path

import click

from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.demo import replay
from hybrid_recs.offline.data.requests import latest_requests
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig


@click.command(help=__doc__)
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="path of the dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder that its relative paths start from")
@click.option(
    "--days", default=30.0, show_default=True, help="send the interactions of the last days of the data"
)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="URL of the service")
def main(dataset: Path, data_dir: Path | None, days: float, url: str) -> None:
    """Read the latest interactions, send them as requests, and print the sources of the answers."""
    steps = Steps()
    with print_errors(steps.console):
        with steps("Read interactions") as step:
            requests = latest_requests(DatasetConfig.load(dataset, data_dir), days)
            step.done(f"{len(requests):,} requests")
        with steps("Send requests") as step:
            step.expect(len(requests))
            result = replay.send(url, requests, on_progress=step.advance)
            answers = ", ".join(f"{count:,} {source}" for source, count in result.sources.most_common())
            step.done(answers or "no answers")
        for message, count in result.failures.most_common(3):
            steps.console.print(f"[red]{count:,} failed[/]: {message}")
    sys.exit(1 if result.failures else 0)
