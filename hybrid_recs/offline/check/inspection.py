"""Reads a dataset as a rebuild does and reports what was understood; nothing is learned or written."""

import numpy as np
import polars as pl

from hybrid_recs.offline.build.hot_set import choose_hot_set
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.check.report import (
    CheckReport,
    CrawlerReport,
    DroppedRows,
    ItemsReport,
    LongHistory,
    Outlook,
    TimeSpan,
)
from hybrid_recs.offline.check.sources import describe_sources
from hybrid_recs.offline.check.suspicions import suspicions
from hybrid_recs.offline.data.clean_pairs import CleanPairs, InputStats, read_pairs
from hybrid_recs.offline.data.examples import example_rows
from hybrid_recs.offline.data.overlap import met
from hybrid_recs.offline.data.pair_counts import PairCounts, count_pairs, count_users
from hybrid_recs.offline.data.variants import pool_pairs, split_variants
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.sources.masking import masked
from hybrid_recs.offline.training.embeddings import dimensions_of

_BARS = 60
_LONGEST = 5
_TITLES = 5
_POPULARITY_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
# A rebuild of two million pairs on two cores, and how both grow with the pairs (docs/benchmarks/scale.md).
_PAIRS, _SECONDS, _MB = 2e6, 64.0, 2_000.0
_SECONDS_POWER, _MB_POWER, _LEAST_MB = 0.84, 0.48, 200.0


def inspect(
    config: DatasetConfig,
    options: BuildOptions,
    edits_of_others: int = 0,
    show_users: bool = False,
    now: float | None = None,
) -> CheckReport:
    """Raises DatasetError where a rebuild would, with the same message."""
    clean = read_pairs(config, now)
    items, variants = split_variants(clean.pairs, clean.items)
    stats, pairs, users = clean.stats, clean.pairs, clean.users
    if len(variants):
        pairs = pool_pairs(pairs, variants)
        users = count_users(pairs)
    counts = count_pairs(pairs, users)
    return CheckReport(
        dataset=config.name,
        sources=describe_sources(config, show_users),
        rows_read=stats.rows_read,
        rows_kept=stats.rows_kept,
        dropped=_dropped(config, stats, show_users),
        users=len(counts.users),
        items=len(counts.items),
        pairs=counts.pairs,
        order=clean.order.text,
        span=_span(clean),
        longest=_longest(counts, show_users),
        crawlers=_crawlers(stats),
        popularity=_popularity(counts),
        table=_items(config, clean, counts, items),
        outlook=outlook(counts, options),
        edits_of_others=edits_of_others,
        suspicions=suspicions(config, stats, counts, items["item"], show_users),
    )


def _dropped(config: DatasetConfig, stats: InputStats, show_users: bool) -> list[DroppedRows]:
    examples = example_rows(config, stats.first_dropped, show_users)
    return [
        DroppedRows(reason, rows, *examples.get(reason, ("", 0, {})))
        for reason, rows in stats.dropped.items()
    ]


def _span(clean: CleanPairs) -> TimeSpan | None:
    stats, hours = clean.stats, clean.rows_by_hour
    if stats.first_time is None or stats.last_time is None:
        return None
    within = hours.filter(pl.col("first") <= stats.last_time, pl.col("last") >= stats.first_time)
    middle = (within["first"] + within["last"]).to_numpy() / 2
    span = (stats.first_time, max(stats.last_time, stats.first_time + 1))
    bars, _ = np.histogram(middle, _BARS, span, weights=within["rows"].to_numpy())
    return TimeSpan(
        stats.first_time, stats.last_time, [int(count) for count in bars], list(stats.stray_times)
    )


def _longest(counts: PairCounts, show_users: bool) -> list[LongHistory]:
    return [
        LongHistory(user if show_users else masked(user), items, rows)
        for user, items, rows in counts.largest_users("items", _LONGEST).iter_rows()
    ]


def _crawlers(stats: InputStats) -> CrawlerReport:
    examples = [
        f"{one.user}: {one.items:,} items"
        + (f", one every {one.seconds:.1f} s" if one.seconds is not None else "")
        + f", {one.walk:.0%} of the steps in the order of ids, {one.copies:,} visitors alike"
        for one in stats.crawler_examples
    ]
    return CrawlerReport(stats.crawlers, stats.dropped.get("of a crawler", 0), examples)


def _popularity(counts: PairCounts) -> dict[str, float]:
    covered = counts.item_rows.cum_sum()
    total, n = int(covered[-1]), len(covered)
    return {
        f"{share:.0%}": round(int(covered[max(1, round(share * n)) - 1]) / total, 4)
        for share in _POPULARITY_SHARES
    }


def _items(
    config: DatasetConfig, clean: CleanPairs, counts: PairCounts, items: pl.DataFrame
) -> ItemsReport | None:
    if config.items is None:
        return None
    logged, listed = counts.items["item"], items["item"]
    titles = items.drop_nulls("title").group_by("title").len().filter(pl.col("len") > 1)
    most = titles.sort("len", "title", descending=[True, False]).head(_TITLES)
    return ItemsReport(
        listed=len(listed),
        logged_listed=round(met(logged, listed), 4),
        listed_logged=round(met(listed, logged), 4),
        duplicate_titles=dict(most.iter_rows()),
        dropped=clean.stats.items_dropped,
        variants=len(clean.items) - len(items),
    )


def outlook(counts: PairCounts, options: BuildOptions) -> Outlook:
    """What a rebuild with these options would make of the pairs."""
    hot = choose_hot_set(
        counts.item_rows.to_numpy().astype(np.float64),
        counts.linked,
        options.hot_share,
        options.hot_max_items,
        options.hot_max_bytes,
    )
    size = counts.pairs / _PAIRS
    return Outlook(
        dimensions=dimensions_of(counts.linked, options.dimensions),
        index="exact" if counts.linked < options.exact_below else "approximate (IVF or HNSW)",
        hot_items=len(hot.rows),
        hot_share=round(hot.share, 4),
        hot_mb=round(hot.bytes / 1e6, 1),
        memory_mb=round(max(_MB * size**_MB_POWER, _LEAST_MB)),
        seconds=round(_SECONDS * size**_SECONDS_POWER, 1),
    )
