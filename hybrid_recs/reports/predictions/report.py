"""Clicks on logged impressions: impressions are joined with later events and counted."""

import math
from dataclasses import dataclass
from typing import cast

import polars as pl
import redis

from hybrid_recs.cache.keys import Keys

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
_BATCH = 1_000
_Z = 1.959964  # for a 95 % interval
_MIN_IMPRESSIONS = 1_000


@dataclass(frozen=True, slots=True)
class ClickRate:
    """Impressions (field `predictions`) of one source or kind.

    clicks: distinct items of an impression that were interacted with afterwards, summed over the impressions.
    clicked: impressions with at least one click; low, high: the 95 % interval (Wilson) of clicked per
    thousand.
    """

    name: str
    predictions: int
    clicks: int
    clicks_per_thousand: float
    clicked: int
    clicked_per_thousand: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ImpressionReport:
    """The impressions (field `predictions`) logged in [start, end), in seconds since 1970; `share`: the share
    of all answers that are logged.

    events: received in that interval. named: events with a recommendation_id. attributed: named events whose
    impression was logged and showed the item. share_attributed: estimate for all impressions. shown: distinct
    items in impressions. coverage: their share of the `items` in the catalogue. users: with an event.
    with_list: users with a stored list. age_seconds: quantiles over the `aged` impressions of precomputed
    lists. advice: a sentence.
    """

    start: float
    end: float
    within_seconds: int
    share: float
    predictions: int
    by_source: list[ClickRate]
    by_kind: list[ClickRate]
    events: int
    named: int
    attributed: int
    share_attributed: float | None
    shown: int
    items: int
    coverage: float | None
    users: int
    with_list: int
    aged: int
    age_seconds: dict[str, float]
    advice: str


def impression_report(
    impressions: pl.DataFrame,
    events: pl.DataFrame,
    *,
    interval: tuple[float, float],
    within_seconds: int,
    share: float,
    items: int,
    with_list: int,
) -> ImpressionReport:
    """The report from the frames that `join` reads; an event counts up to `within_seconds` after its
    impression."""
    joined = _attributed(impressions, events, within_seconds)
    clicks = joined.unique(["recommendation_id", "item_id"]).group_by("recommendation_id").len("clicks")
    with_clicks = impressions.join(clicks, on="recommendation_id", how="left").with_columns(
        pl.col("clicks").fill_null(0)
    )
    shown = impressions["items"].explode().n_unique() if len(impressions) else 0
    ages = impressions["age"].drop_nulls()
    return ImpressionReport(
        *interval,
        within_seconds=within_seconds,
        share=share,
        predictions=len(impressions),
        by_source=_rates(with_clicks, "source"),
        by_kind=_rates(with_clicks, "kind"),
        events=len(events),
        named=events["recommendation_id"].count(),
        attributed=len(joined),
        share_attributed=min(1.0, len(joined) / (len(events) * share)) if len(events) and share else None,
        shown=shown,
        items=items,
        coverage=shown / items if items else None,
        users=active_users(events).len(),
        with_list=with_list,
        aged=len(ages),
        age_seconds={
            name: cast(float, ages.quantile(share, "linear"))
            for name, share in _QUANTILES.items()
            if len(ages)
        },
        advice=_advice(with_clicks, events, share),
    )


def active_users(events: pl.DataFrame) -> pl.Series:
    """Distinct users with an event."""
    return events["user_id"].drop_nulls().unique(maintain_order=True)


def count_stored(client: redis.Redis, keys: Keys, generation: str, users: pl.Series) -> int:
    """How many of the users have a list in Redis."""
    stored = 0
    for start in range(0, len(users), _BATCH):
        names = [keys.user_list(generation, user) for user in users[start : start + _BATCH]]
        stored += int(client.exists(*names))
    return stored


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 1927)."""
    if not trials:
        return 0.0, 1.0
    share, squared = successes / trials, _Z * _Z
    middle = share + squared / (2 * trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + squared / (4 * trials * trials))
    scale = 1 + squared / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def _attributed(impressions: pl.DataFrame, events: pl.DataFrame, within_seconds: int) -> pl.DataFrame:
    """Events on items that their impression showed. Earlier times count as well: an id is not known before it
    is served, but clocks differ."""
    shown = impressions.select("recommendation_id", "items", shown_at="time")
    return events.join(shown, on="recommendation_id").filter(
        pl.col("items").list.contains(pl.col("item_id")),
        pl.col("time") - pl.col("shown_at") <= within_seconds,
    )


def _rates(with_clicks: pl.DataFrame, by: str) -> list[ClickRate]:
    """Sorted by impressions, most first."""
    counted = (
        with_clicks.group_by(by)
        .agg(predictions=pl.len(), clicks=pl.col("clicks").sum(), clicked=(pl.col("clicks") > 0).sum())
        .sort(["predictions", by], descending=[True, False])
    )
    return [_rate(*row) for row in counted.iter_rows()]


def _rate(name: str, impressions: int, clicks: int, clicked: int) -> ClickRate:
    low, high = wilson(clicked, impressions)
    thousand = 1_000 / impressions
    return ClickRate(
        name=name,
        predictions=impressions,
        clicks=clicks,
        clicks_per_thousand=clicks * thousand,
        clicked=clicked,
        clicked_per_thousand=clicked * thousand,
        low=1_000 * low,
        high=1_000 * high,
    )


def _advice(with_clicks: pl.DataFrame, events: pl.DataFrame, share: float) -> str:
    """The most important next step."""
    impressions = len(with_clicks)
    if share == 0 and not impressions:
        return "Nothing is logged: set HYBRID_RECS_LOG_PREDICTIONS_SHARE above 0 and restart the service."
    if not impressions:
        return "No impressions were logged in this window: serve some (make serve), or look further back."
    if events.is_empty():
        return "No events were received in this window: send visitors' actions to POST /events."
    if not events["recommendation_id"].count():
        return "No event has a recommendation_id: send the one of the answer along with each click."
    if not with_clicks["clicks"].sum():
        return (
            "No event could be attributed: its id must be that of an answer, and its item one that it showed."
        )
    if impressions < _MIN_IMPRESSIONS:
        logged = f"{impressions:,} impression{'s' if impressions > 1 else ''}"
        return f"Only {logged} logged, so intervals are wide: look further back or log more."
    return "Sources differ if their intervals do not overlap; the others cannot be told apart yet."
