"""Splits a dataset's interactions by time and makes the questions of the three tasks from the later part."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.data.interactions import Dataset, dataset_of_events, labelled_rows
from hybrid_recs.offline.data.items import read_items
from hybrid_recs.types import Rows

TASKS = ("next item from an item", "next item from a session", "held-out items of a user")
T = TypeVar("T")

_LATEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Case:
    """given: what the visitor met, oldest first (one row for the item task). targets: what came then."""

    given: Rows
    targets: frozenset[int]


@dataclass(frozen=True, slots=True)
class WorkerGauges:
    """train: what may be learned from. events: all interactions in order, `later` marks the held-out."""

    train: Dataset
    events: pl.DataFrame
    protocol: str


def hold_out_latest(description: DatasetConfig, max_history: int) -> WorkerGauges:
    """Hold out the last 10 % of interactions by time; without a time, the last item of each user."""
    kept = labelled_rows(description).filter(pl.col("reason").is_null()).drop("reason")
    events = kept.collect(engine="streaming").sort("user", "time", "order")
    timed = description.timed
    if timed:
        later = pl.col("time") > events["time"].quantile(1 - _LATEST_SHARE, "lower")
        protocol = "the last 10 % of interactions by time are held out"
    else:
        last = pl.int_range(pl.len()).over("user") == pl.len().over("user") - 1
        later = last & (pl.len().over("user") > 1)
        protocol = "no time: the last item of each user in the order of the files is held out"
    events = events.with_columns(later=later)
    earlier = events.filter(~pl.col("later")).drop("later")
    train = dataset_of_events(description.name, earlier, read_items(description), timed, max_history)
    return WorkerGauges(train, events, protocol)


def cases_of(held: WorkerGauges, data: EncodedData, most: int, seed: int) -> dict[str, list[Case]]:
    """Up to `most` cases of each task, drawn at random with a fixed seed.

    Sources and targets are items that have a vector, so that every method can be asked; an item is never
    its own target in the item task, and items of the history are no targets in the user task.
    """
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    events = held.events.join(rows, on="item", maintain_order="left").select("user", "row", "later")
    by_user = events.group_by("user", maintain_order=True).agg("row", "later")
    users = [
        (np.asarray(met, np.int64), np.asarray(later, bool))
        for met, later in by_user.select("row", "later").iter_rows()
    ]
    steps = [(u, at) for u, (_, later) in enumerate(users) for at in np.flatnonzero(later).tolist() if at > 0]
    rng = np.random.default_rng(seed)
    items, sessions, wanted = TASKS
    changed = [(u, at) for u, at in steps if users[u][0][at] != users[u][0][at - 1]]
    return {
        items: [_step(users[u][0], at, 1) for u, at in _some(changed, most, rng)],
        sessions: [_step(users[u][0], at, MAX_HISTORY) for u, at in _some(steps, most, rng)],
        wanted: _some([case for met, later in users if (case := _of_user(met, later))], most, rng),
    }


def _step(met: Rows, at: int, longest: int) -> Case:
    return Case(met[max(0, at - longest) : at], frozenset((int(met[at]),)))


def _of_user(met: Rows, later: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Case | None:
    given = met[~later]
    targets = frozenset(met[later].tolist()) - frozenset(given.tolist())
    return Case(given, targets) if len(given) and targets else None


def _some(of: list[T], most: int, rng: np.random.Generator) -> list[T]:
    if len(of) <= most:
        return of
    return [of[at] for at in np.sort(rng.choice(len(of), most, replace=False))]
