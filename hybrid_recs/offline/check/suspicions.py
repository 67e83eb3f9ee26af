"""Finds what is probably not meant, and says what to do about it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from hybrid_recs.offline.check.report import Suspicion
from hybrid_recs.offline.data.dataset import Dataset
from hybrid_recs.offline.data.overlap import met, spelling_that_meets
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.masking import masked
from hybrid_recs.types import SECONDS_PER_DAY

_USER_SHARE, _TIMES_MEAN = 0.01, 20
_SEPARATORS = (",", ";", "|", " ")
_MIN_CELLS, _MIN_PART_USES = 0.5, 2.0
_EXPECTED_OVERLAP = 0.8
_MOST_ROWS = 0.2
_WEIGHT_SHARE = 0.1
_SINGLE = 0.9


def suspicions(config: DatasetConfig, dataset: Dataset, show_users: bool = False) -> list[Suspicion]:
    """In the order of their weight: first those that cannot be right."""
    found = [
        *_january_1970(config, dataset),
        *_one_big_user(dataset, show_users),
        *_several_items_in_a_cell(config, dataset),
        *_single_interactions(dataset),
        *_dropped_rows(dataset),
        *_one_big_weight(config, dataset),
        *_overlap(config, dataset),
        *_without_order(config, dataset),
    ]
    return sorted(found, key=lambda suspicion: not suspicion.cannot_be_right)


def _january_1970(config: DatasetConfig, dataset: Dataset) -> Iterator[Suspicion]:
    first, last = dataset.stats.first_time, dataset.stats.last_time
    said = any(table.time_format for table in config.sources)
    if first is None or last is None or said or not 0 <= first <= last < 31 * SECONDS_PER_DAY:
        return
    day = datetime.fromtimestamp(last, UTC).strftime("%-d January 1970")
    yield Suspicion(
        f"all times lie in January 1970, the last on {day}: they are no seconds since 1970",
        'are these days (YYYYMMDD), spreadsheet days or row numbers? set time_format, such as "%Y%m%d" or '
        '"excel", or "unix" if they are meant so',
        cannot_be_right=True,
    )


def _one_big_user(dataset: Dataset, show_users: bool) -> Iterator[Suspicion]:
    rows = dataset.pairs.group_by("user").agg(pl.col("count").sum()).sort("count", "user", descending=True)
    total = int(rows["count"].sum())
    user, most = rows.row(0)
    if most > max(_USER_SHARE * total, _TIMES_MEAN * total / len(rows)):
        shown = user if show_users else masked(user)
        yield Suspicion(
            f"one user ({shown}) has {most / total:.1%} of all rows",
            "if this is what guests are called, add it to null_values of [interactions]"
            + ("" if show_users else " (--show-users shows it)"),
        )


def _several_items_in_a_cell(config: DatasetConfig, dataset: Dataset) -> Iterator[Suspicion]:
    """Ids that fall into parts which come again and again are lists of ids."""
    if any(table.item.separator for table in config.sources):
        return
    items = dataset.pairs["item"].unique()
    for separator in _SEPARATORS:
        holding = items.filter(items.str.contains(separator, literal=True))
        if len(holding) < _MIN_CELLS * len(items) or len(holding) < 2:
            continue
        parts = holding.str.split(separator).list.explode().str.strip_chars()
        if len(parts) >= _MIN_PART_USES * parts.n_unique():
            yield Suspicion(
                f"{len(holding) / len(items):.0%} of the item ids hold {separator!r}, such as "
                f"{holding.sort()[0]!r}, and their parts come again and again: they seem to be several",
                f'set item = {{ column = "{config.sources[0].item.column}", separator = "{separator}" }}',
            )
            return


def _single_interactions(dataset: Dataset) -> Iterator[Suspicion]:
    counts = dataset.pairs.group_by("item").len()["len"]
    once = float((counts == 1).mean() or 0)  # type: ignore[arg-type]
    if once > _SINGLE and len(counts) > len(dataset.pairs) / 2:
        yield Suspicion(
            f"{once:.0%} of the items have a single user",
            "is the item column the right one, and not an order's?",
        )
    histories = dataset.pairs.group_by("user").len()["len"]
    alone = float((histories == 1).mean() or 0)  # type: ignore[arg-type]
    if alone > _SINGLE:
        yield Suspicion(
            f"{alone:.0%} of the users have a single item",
            "is the user column the right one, and not an order's?",
        )


def _dropped_rows(dataset: Dataset) -> Iterator[Suspicion]:
    meant = ("not matching where", "of another event type", "of a crawler")
    for reason, rows in dataset.stats.dropped.items():
        if reason not in meant and rows > _MOST_ROWS * dataset.stats.rows_read:
            yield Suspicion(
                f"{rows / dataset.stats.rows_read:.0%} of the rows are dropped: {reason}",
                "look at the example; if such rows are expected, leave them out with where",
            )


def _one_big_weight(config: DatasetConfig, dataset: Dataset) -> Iterator[Suspicion]:
    if not any(table.weight for table in config.sources):
        return
    weights = dataset.pairs["weight"]
    most, total = float(weights.max() or 0), float(weights.sum())  # type: ignore[arg-type]
    if len(weights) > 1 / _WEIGHT_SHARE and most > _WEIGHT_SHARE * total:
        yield Suspicion(
            f"one pair of user and item has {most / total:.0%} of all weight ({most:,.0f})",
            "it counts towards popularity; leave it out with where if it is a mistake",
        )


def _overlap(config: DatasetConfig, dataset: Dataset) -> Iterator[Suspicion]:
    if config.items is None:
        return
    logged, listed = dataset.pairs["item"].unique(), dataset.items["item"]
    share = met(logged, listed)
    if share >= _EXPECTED_OVERLAP:
        return
    keys = spelling_that_meets(logged, listed)
    yield Suspicion(
        f"{share:.1%} of the items of the interactions are in the items table",
        f"they would meet with {keys}"
        if keys
        else "are item and id the right columns? If those not listed are gone, set only_listed = true",
    )


def _without_order(config: DatasetConfig, dataset: Dataset) -> Iterator[Suspicion]:
    order = dataset.stats.order
    if order is None or order.is_informative or config.order is not None:
        return
    why = (
        "they look sorted by something"
        if order.reversed is not None and order.shuffled is not None
        else "there are too few to tell"
    )
    yield Suspicion(
        f"the rows of a user are taken to be in no order: {why}",
        'name a time column, or set order = "file" if the file is a log',
    )
