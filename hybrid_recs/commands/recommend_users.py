"""Precompute every user's list: python -m jobs.recommend_users --dataset dataset.toml."""

import time
from functools import partial
from pathlib import Path

import click

from hybrid_recs import wiring
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.offline.build import summaries
from hybrid_recs.offline.build.precompute import LIST_DEPTH
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.users.files import UserListFiles
from hybrid_recs.offline.users.histories import histories_of
from hybrid_recs.offline.users.lists import UserListBuilder
from hybrid_recs.offline.users.loader import load_user_lists, remove_older_lists
from hybrid_recs.settings import Settings

_USERS_PER_PART = 10_000


@click.command(help=__doc__)
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="path of the dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder that its relative paths start from")
@click.option(
    "--active-days",
    type=click.FloatRange(min=0, min_open=True),
    help="only users active in the last days of the data  [default: all]",
)
@click.option("--k", type=click.IntRange(1, 1_000), default=LIST_DEPTH, show_default=True, help="list length")
def main(dataset: Path, data_dir: Path | None, active_days: float | None, k: int) -> None:
    """Run the steps; the lists of an earlier run stay until those of this one are complete."""
    steps = Steps()
    with print_errors(steps.console):
        recommend_users(DatasetConfig.load(dataset, data_dir), Settings(), steps, active_days, k)


def recommend_users(
    config: DatasetConfig,
    settings: Settings,
    steps: Steps,
    active_days: float | None = None,
    k: int = LIST_DEPTH,
) -> UserListFiles:
    """Lists by the serving generation, without hidden items, on disk and in Redis; returns the files."""
    store, files = wiring.store(settings), UserListFiles(wiring.predictions_dir(settings))
    keys, connect = wiring.keys(settings), partial(wiring.redis_client, settings)
    generation = store.open_current()
    with steps("Read interactions") as step:
        dataset = read_dataset(config, settings.max_history)
        step.done(summaries.input_stats(dataset.stats))
    with steps("Find users' histories") as step:
        histories = histories_of(dataset, generation.catalogue, active_days)
        del dataset
        step.done(histories.summary)
    with steps("Recommend to users") as step:
        step.expect(len(histories))
        builder = UserListBuilder(generation, k, wiring.overlay(settings, generation).hidden)
        started = time.perf_counter()
        with files.writing(generation.id, generation.catalogue) as writer:
            for users, rows in histories.batches(_USERS_PER_PART):
                writer.write(users, builder.stored_lists(rows, int(time.time()), step.advance))
        rate = len(histories) / (time.perf_counter() - started)
        step.done(f"{len(histories):,} lists, {rate:,.0f} users/s")
    with steps("Load into Redis") as step:
        step.expect(len(histories))
        stored = files.read_stored(generation.id, generation.catalogue)
        ttl, max_bytes = wiring.list_ttl_seconds(settings), settings.predictions_max_mb * 1_000_000
        loaded = load_user_lists(connect, keys, generation.id, stored, ttl, max_bytes, step.advance)
        step.done(loaded.summary)
    with steps("Remove older lists") as step:
        removed = remove_older_lists(connect, keys, files, generation.id, store.ids())
        step.done(removed.summary)
    return files
