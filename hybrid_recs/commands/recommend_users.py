"""Make every user's list ahead of time: python -m jobs.recommend_users --dataset dataset.toml."""

import time
from pathlib import Path

import click

from hybrid_recs import wiring
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.commands.error_messages import reported
from hybrid_recs.errors import RedisServerError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.build import summaries
from hybrid_recs.offline.build.precompute import LIST_DEPTH
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.interactions import read_dataset
from hybrid_recs.offline.progress import Step, Steps
from hybrid_recs.offline.users.files import UserListFiles
from hybrid_recs.offline.users.histories import Histories, histories_of
from hybrid_recs.offline.users.lists import UserLists
from hybrid_recs.offline.users.loader import load_user_lists, retire_user_lists
from hybrid_recs.settings import Settings

_USERS_A_PART = 10_000


@click.command(help=__doc__)
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="its dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="where its relative paths start from")
@click.option(
    "--active-days", type=click.FloatRange(min=0, min_open=True), help="only users active that lately"
)
@click.option("--k", type=click.IntRange(1, 1_000), default=LIST_DEPTH, show_default=True, help="list length")
def main(dataset: Path, data_dir: Path | None, active_days: float | None, k: int) -> None:
    """Run the steps; lists of an earlier run stay until those of this one are complete."""
    steps = Steps()
    with reported(steps.console):
        recommend_users(DatasetConfig.load(dataset, data_dir), Settings(), steps, active_days, k)


def recommend_users(
    description: DatasetConfig,
    settings: Settings,
    steps: Steps,
    active_days: float | None = None,
    k: int = LIST_DEPTH,
) -> UserListFiles:
    """The whole job, by the serving generation; hidden items are in no list. Returns where lists are."""
    store, files = wiring.store(settings), UserListFiles(wiring.predictions_dir(settings))
    generation = store.open_current()
    with steps("Read interactions") as step:
        dataset = read_dataset(description, settings.max_history)
        step.done(summaries.input_stats(dataset.stats))
    with steps("Find users' histories") as step:
        histories = histories_of(dataset, generation.catalogue, active_days)
        del dataset
        step.done(histories.summary)
    with steps("Recommend to users") as step:
        lists = UserLists(generation, k, wiring.overlay(settings, generation).hidden)
        write_lists(files, generation, histories, lists, step)
    with steps("Load into Redis") as step:
        step.expect(len(histories))
        step.done(load(files, generation, settings, step))
    with steps("Forget older lists") as step:
        step.done(forget_older(files, generation, settings, store.ids()))
    return files


def write_lists(
    files: UserListFiles, generation: Generation, histories: Histories, lists: UserLists, step: Step
) -> None:
    """Part by part; nothing of it is visible until all of it is there."""
    step.expect(len(histories))
    started = time.perf_counter()
    with files.writing(generation.id, generation.catalogue) as writer:
        for users, rows in histories.parts(_USERS_A_PART):
            writer.write(users, lists.predictions(rows, int(time.time()), step.advance))
    seconds = time.perf_counter() - started
    step.done(f"{len(histories):,} lists, {len(histories) / seconds:,.0f} users/s")


def load(files: UserListFiles, generation: Generation, settings: Settings, step: Step) -> str:
    """Redis is a cache: when it is away, users are answered live."""
    try:
        with connect(wiring.redis_url(settings)) as client:
            loaded = load_user_lists(
                client,
                wiring.keys(settings),
                generation.id,
                files.stored(generation.id, generation.catalogue),
                wiring.list_ttl_seconds(settings),
                settings.predictions_max_mb * 1_000_000,
                step.advance,
            )
    except (*UNREACHABLE, RedisServerError) as error:
        return f"out of reach ({error}); users are answered live until this job runs again"
    text = f"{loaded.lists:,} lists, about {loaded.bytes / 1e6:.1f} MB"
    return text + (" (held back by predictions_max_mb)" if loaded.full else "")


def forget_older(files: UserListFiles, generation: Generation, settings: Settings, kept: list[str]) -> str:
    """Lists of other generations leave Redis, and the disk too where the generation is gone."""
    older = [name for name in files.generations() if name != generation.id]
    problem = ""
    for name in older:
        try:
            with connect(wiring.redis_url(settings)) as client:
                retire_user_lists(client, wiring.keys(settings), name, files.users(name))
        except (*UNREACHABLE, RedisServerError) as error:
            problem = f"; out of reach ({error}): they stay until they expire"
        if name not in kept:
            files.remove(name)
    return f"of {len(older)} generations{problem}"
