"""What came of the predictions served: joined with later events, counted, and put into words."""

import math
from dataclasses import dataclass
from typing import cast

import polars as pl
import redis

from hybrid_recs.cache.keys import Keys

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
_BATCH = 1_000
_Z = 1.959964  # of a 95 % interval
_FEW = 1_000


@dataclass(frozen=True, slots=True)
class ClickRate:
    """Predictions of one source or kind.

    clicks: distinct items of a list that were met afterwards, summed over the lists. clicked: lists with at
    least one; low and high bound its share per thousand (Wilson, 95 %).
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
class PredictionReport:
    """What was served in [start, end), seconds since 1970, as far as it was logged (share: of all answers).

    events: received in that time; named: those with a recommendation_id; attributed: those of them whose
    prediction was logged and whose item was one shown. share_attributed: estimated for all predictions.
    coverage: distinct items shown over the catalogue (of `items`). with_list: of `users` with an event, those
    who have a stored list. age_seconds: quantiles over `aged` lists that were made ahead of time.
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


def prediction_report(
    served: pl.DataFrame,
    events: pl.DataFrame,
    *,
    stretch: tuple[float, float],
    within_seconds: int,
    share: float,
    items: int,
    with_list: int,
) -> PredictionReport:
    """From what `prediction_join` read; an event counts up to `within_seconds` after its prediction."""
    joined = _attributed(served, events, within_seconds)
    clicks = joined.unique(["recommendation_id", "item_id"]).group_by("recommendation_id").len("clicks")
    lists = served.join(clicks, on="recommendation_id", how="left").with_columns(
        pl.col("clicks").fill_null(0)
    )
    shown = served["items"].explode().n_unique() if len(served) else 0
    ages = served["age"].drop_nulls()
    return PredictionReport(
        *stretch,
        within_seconds=within_seconds,
        share=share,
        predictions=len(served),
        by_source=_rates(lists, "source"),
        by_kind=_rates(lists, "kind"),
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
            name: cast(float, ages.quantile(at, "linear")) for name, at in _QUANTILES.items() if len(ages)
        },
        advice=_advice(lists, events, share),
    )


def active_users(events: pl.DataFrame) -> pl.Series:
    """Users with an event, each once."""
    return events["user_id"].drop_nulls().unique(maintain_order=True)


def count_stored(client: redis.Redis, keys: Keys, generation: str, users: pl.Series) -> int:
    """How many of the users have a list in Redis."""
    found = 0
    for start in range(0, len(users), _BATCH):
        names = [keys.prediction(generation, user) for user in users[start : start + _BATCH]]
        found += int(client.exists(*names))
    return found


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share. Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 1927."""
    if not trials:
        return 0.0, 1.0
    share, squared = successes / trials, _Z * _Z
    middle = share + squared / (2 * trials)
    reach = _Z * math.sqrt(share * (1 - share) / trials + squared / (4 * trials * trials))
    scale = 1 + squared / trials
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def _attributed(served: pl.DataFrame, events: pl.DataFrame, within_seconds: int) -> pl.DataFrame:
    """Events of an item that their prediction showed. There is no lower bound: nobody knows an id before it
    was served, but clocks differ."""
    predictions = served.select("recommendation_id", "items", served_at="time")
    return events.join(predictions, on="recommendation_id").filter(
        pl.col("items").list.contains(pl.col("item_id")),
        pl.col("time") - pl.col("served_at") <= within_seconds,
    )


def _rates(lists: pl.DataFrame, by: str) -> list[ClickRate]:
    """Most predictions first."""
    counted = (
        lists.group_by(by)
        .agg(predictions=pl.len(), clicks=pl.col("clicks").sum(), clicked=(pl.col("clicks") > 0).sum())
        .sort(["predictions", by], descending=[True, False])
    )
    return [_rate(*row) for row in counted.iter_rows()]


def _rate(name: str, predictions: int, clicks: int, clicked: int) -> ClickRate:
    low, high = wilson(clicked, predictions)
    thousand = 1_000 / predictions
    return ClickRate(
        name, predictions, clicks, clicks * thousand, clicked, clicked * thousand, 1_000 * low, 1_000 * high
    )


def _advice(lists: pl.DataFrame, events: pl.DataFrame, share: float) -> str:
    """The one thing to do next."""
    if share == 0 and lists.is_empty():
        return "Nothing is logged: set HYBRID_RECS_LOG_PREDICTIONS_SHARE above 0 and restart the service."
    if lists.is_empty():
        return "No prediction was logged in this window: serve some (make serve), or look further back."
    if events.is_empty():
        return "No event was received in this window: send what visitors do to POST /events."
    if not events["recommendation_id"].count():
        return "No event names a recommendation: send the recommendation_id of the answer along with a click."
    if not lists["clicks"].sum():
        return "No event could be attributed: ids must be those of the answer, and items those it showed."
    if len(lists) < _FEW:
        return (
            f"Only {len(lists):,} predictions are logged: intervals are wide, look further back or log more."
        )
    return "Sources whose intervals do not overlap differ; others cannot be told apart yet."
