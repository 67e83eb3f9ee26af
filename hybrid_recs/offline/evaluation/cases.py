"""Splits interactions by time, and draws the test cases of three tasks from the later part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybrid_recs.generation.scoring import MAX_HISTORY
from hybrid_recs.offline.data.crawlers import find_crawlers
from hybrid_recs.offline.data.dataset import Dataset, dataset_from_rows
from hybrid_recs.offline.data.encoding import EncodedData
from hybrid_recs.offline.data.interactions import read_interactions
from hybrid_recs.offline.data.items import read_items
from hybrid_recs.offline.data.order import in_order, judge_order
from hybrid_recs.offline.data.pair_counts import count_users
from hybrid_recs.offline.data.split import hold_out_latest
from hybrid_recs.offline.data.variants import as_representatives, split_variants
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.types import Rows

ITEM_TASK = "next item from an item"
SESSION_TASK = "next item from a session"
USER_TASK = "held-out items of a user"
TASKS = (ITEM_TASK, SESSION_TASK, USER_TASK)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """given: the visitor's items, oldest first (one row for the item task). targets: the items that
    follow."""

    given: Rows
    targets: frozenset[int]


@dataclass(frozen=True, slots=True)
class EvaluationSplit:
    """train: the part to learn from. events: all interactions in order; `later` marks the held-out ones."""

    train: Dataset
    events: pl.DataFrame
    protocol: str


def split_rows(config: DatasetConfig, max_history: int) -> EvaluationSplit:
    """Hold out the latest of all interactions, as `split.hold_out_latest` does."""
    rows = read_interactions(config)
    pairs = rows.group_by("user", "item").agg(pl.col("time", "order").max(), count=pl.len())
    order = judge_order(pairs, config.timed, config.order)
    if not config.keep_crawlers:
        found = find_crawlers(config, pairs, order, count_users(pairs)).users
        if len(found):
            rows, pairs = (frame.filter(~pl.col("user").is_in(found.implode())) for frame in (rows, pairs))
            order = judge_order(pairs, config.timed, config.order)
    items, variants = split_variants(pairs, read_items(config))
    events = in_order(as_representatives(rows, variants), order)
    held_out = hold_out_latest(events, config.timed, order.is_informative)
    events = events.with_columns(held_out.later.alias("later"))
    earlier = events.filter(~pl.col("later")).drop("later")
    train = dataset_from_rows(config.name, earlier, items, config.timed, order, max_history)
    return EvaluationSplit(train, events, held_out.protocol)


def cases_of(
    split: EvaluationSplit, data: EncodedData, limit: int, seed: int
) -> dict[str, list[EvaluationCase]]:
    """Up to `limit` cases of each task, drawn at random with a fixed seed.

    Sources and targets are items that have a vector, so that every method can answer. In the item task an
    item is never its own target, in the user task items of the history are no targets.
    """
    histories = _histories(split, data)
    steps = [
        (rows, position)
        for rows, later in histories
        for position in np.flatnonzero(later).tolist()
        if position > 0
    ]
    changes = [(rows, position) for rows, position in steps if rows[position] != rows[position - 1]]
    users = [case for rows, later in histories if (case := _user_case(rows, later))]
    rng = np.random.default_rng(seed)  # draws for the tasks in this order
    return {
        ITEM_TASK: [_step_case(rows, position, 1) for rows, position in _sample(changes, limit, rng)],
        SESSION_TASK: [
            _step_case(rows, position, MAX_HISTORY) for rows, position in _sample(steps, limit, rng)
        ],
        USER_TASK: _sample(users, limit, rng),
    }


def _histories(split: EvaluationSplit, data: EncodedData) -> list[tuple[Rows, NDArray[np.bool_]]]:
    """Per user the rows of all interactions with an item that has a vector, and which are held out."""
    rows = data.items.head(data.n_vectors).select("item").with_row_index("row")
    events = split.events.join(rows, on="item", maintain_order="left").select("user", "row", "later")
    by_user = events.group_by("user", maintain_order=True).agg("row", "later")
    return [
        (np.asarray(history, np.int64), np.asarray(later, bool))
        for history, later in by_user.select("row", "later").iter_rows()
    ]


def _step_case(rows: Rows, position: int, max_given: int) -> EvaluationCase:
    given = rows[max(0, position - max_given) : position]
    return EvaluationCase(given, frozenset((int(rows[position]),)))


def _user_case(rows: Rows, later: NDArray[np.bool_]) -> EvaluationCase | None:
    given = rows[~later]
    targets = frozenset(rows[later].tolist()) - frozenset(given.tolist())
    return EvaluationCase(given, targets) if len(given) and targets else None


def _sample(cases: Sequence[T], limit: int, rng: np.random.Generator) -> list[T]:
    if len(cases) <= limit:
        return list(cases)
    return [cases[index] for index in np.sort(rng.choice(len(cases), limit, replace=False))]
