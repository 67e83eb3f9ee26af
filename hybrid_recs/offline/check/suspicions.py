"""Finds what is probably not meant, and says what to do about it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import polars as pl

from hybrid_recs.offline.check.passed_over import passed_over
from hybrid_recs.offline.check.report import Suspicion
from hybrid_recs.offline.data.clean_pairs import InputStats
from hybrid_recs.offline.data.overlap import met, spelling_that_meets
from hybrid_recs.offline.data.pair_counts import PairCounts
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


def suspicions(
    config: DatasetConfig,
    stats: InputStats,
    counts: PairCounts,
    listed: pl.Series,
    show_users: bool = False,
) -> list[Suspicion]:
    """Those that cannot be right first. listed: the ids of the items table."""
    found = [
        *_january_1970(config, stats),
        *_one_big_user(counts, show_users),
        *_several_items_in_a_cell(config, counts.items["item"]),
        *_single_interactions(counts),
        *_dropped_rows(stats),
        *passed_over(config),
        *_one_big_weight(config, counts),
        *_overlap(config, counts.items["item"], listed),
        *_without_order(config, stats),
    ]
    return sorted(found, key=lambda suspicion: not suspicion.cannot_be_right)


def _january_1970(config: DatasetConfig, stats: InputStats) -> Iterator[Suspicion]:
    first, last = stats.first_time, stats.last_time
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


def _one_big_user(counts: PairCounts, show_users: bool) -> Iterator[Suspicion]:
    total, n = counts.rows, len(counts.users)
    user, _, most = counts.largest_users("rows", 1).row(0)
    if most > max(_USER_SHARE * total, _TIMES_MEAN * total / n):
        shown = user if show_users else masked(user)
        yield Suspicion(
            f"one user ({shown}) has {most / total:.1%} of all rows",
            "if this is what guests are called, add it to null_values of [interactions]"
            + ("" if show_users else " (--show-users shows it)"),
        )


def _several_items_in_a_cell(config: DatasetConfig, items: pl.Series) -> Iterator[Suspicion]:
    """Ids that fall into parts which come again and again are lists of ids."""
    if any(table.item.separator for table in config.sources):
        return
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


def _single_interactions(counts: PairCounts) -> Iterator[Suspicion]:
    once = _share(counts.items["users"] == 1)
    if once > _SINGLE and len(counts.items) > counts.pairs / 2:
        yield Suspicion(
            f"{once:.0%} of the items have a single user",
            "is the item column the right one, and not an order's?",
        )
    alone = _share(counts.users["items"] == 1)
    if alone > _SINGLE:
        yield Suspicion(
            f"{alone:.0%} of the users have a single item",
            "is the user column the right one, and not an order's?",
        )


def _share(of: pl.Series) -> float:
    return cast(float | None, of.mean()) or 0.0


def _dropped_rows(stats: InputStats) -> Iterator[Suspicion]:
    meant = ("not matching where", "of another event type", "of a crawler")
    for reason, rows in stats.dropped.items():
        if reason not in meant and rows > _MOST_ROWS * stats.rows_read:
            yield Suspicion(
                f"{rows / stats.rows_read:.0%} of the rows are dropped: {reason}",
                "look at the example; if such rows are expected, leave them out with where",
            )


def _one_big_weight(config: DatasetConfig, counts: PairCounts) -> Iterator[Suspicion]:
    if not any(table.weight for table in config.sources):
        return
    most, total = counts.most_weight, counts.total_weight
    if counts.pairs > 1 / _WEIGHT_SHARE and most > _WEIGHT_SHARE * total:
        yield Suspicion(
            f"one pair of user and item has {most / total:.0%} of all weight ({most:,.0f})",
            "it counts towards popularity; leave it out with where if it is a mistake",
        )


def _overlap(config: DatasetConfig, logged: pl.Series, listed: pl.Series) -> Iterator[Suspicion]:
    if config.items is None:
        return
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


def _without_order(config: DatasetConfig, stats: InputStats) -> Iterator[Suspicion]:
    order = stats.order
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
