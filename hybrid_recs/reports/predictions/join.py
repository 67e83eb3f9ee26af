"""Reads the logged impressions and the received events of a time interval, for the report to join."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import polars as pl
import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.events.event import Event
from hybrid_recs.events.impression import Impression

_PAGE = 5_000
_IMPRESSIONS = {
    "recommendation_id": pl.String(),
    "time": pl.Float64(),
    "kind": pl.String(),
    "source": pl.String(),
    "items": pl.List(pl.String()),
    "age": pl.Float64(),
}
_EVENTS = {
    "event_id": pl.String(),
    "type": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "time": pl.Float64(),
    "recommendation_id": pl.String(),
}

_Entry = tuple[bytes, Mapping[bytes, bytes]]


def read_impressions(client: redis.Redis, keys: Keys, start: float, end: float) -> pl.DataFrame:
    """The impressions logged in [start, end), in seconds since 1970: `recommendation_id` (unique), `time`,
    `kind`, `source`, `items` and `age` (seconds or null)."""
    frames = [pl.DataFrame(schema=_IMPRESSIONS)]
    for page in _pages(client, keys.impressions(), start):
        impressions = [Impression.decode(entry) for _, entry in page]
        rows = [_impression_row(shown) for shown in impressions if shown and start <= shown.time < end]
        frames.append(pl.DataFrame(rows, schema=_IMPRESSIONS, orient="row"))
    return pl.concat(frames).unique("recommendation_id", keep="first", maintain_order=True)


def read_events(client: redis.Redis, keys: Keys, archive: Path, start: float, end: float) -> pl.DataFrame:
    """The events received in [start, end), each once: those archived by day in a folder, and those still in
    the stream."""
    frames = [pl.DataFrame(schema=_EVENTS)]
    if paths := _archived(archive, start, end):
        stored = pl.scan_parquet(paths).filter(pl.col("received") >= start, pl.col("received") < end)
        frames.append(
            stored.select(pl.col(name).cast(kind) for name, kind in _EVENTS.items()).collect(
                engine="streaming"
            )
        )
    for page in _pages(client, keys.events(), start):
        rows = [_event_row(entry) for name, entry in page if _seconds(name) < end]
        frames.append(pl.DataFrame([row for row in rows if row], schema=_EVENTS, orient="row"))
    return pl.concat(frames).unique("event_id", keep="first", maintain_order=True)


def _archived(folder: Path, start: float, end: float) -> list[Path]:
    day, last = datetime.fromtimestamp(start, UTC).date(), datetime.fromtimestamp(end, UTC).date()
    paths: list[Path] = []
    while day <= last:
        paths += sorted((folder / f"day={day.isoformat()}").glob("*.parquet"))
        day += timedelta(days=1)
    return paths


def _pages(client: redis.Redis, stream: str, start: float) -> Iterator[list[_Entry]]:
    """Entries added since `start`, according to the clock of Redis."""
    first = str(max(0, int(start * 1_000)))
    while page := cast(list[_Entry], client.xrange(stream, first, "+", _PAGE)):
        yield page
        first = f"({page[-1][0].decode()}"


def _seconds(name: bytes) -> float:
    return int(name.partition(b"-")[0]) / 1_000


def _impression_row(shown: Impression) -> tuple[object, ...]:
    return shown.recommendation_id, shown.time, shown.kind, shown.source, list(shown.items), shown.age_seconds


def _event_row(entry: Mapping[bytes, bytes]) -> tuple[object, ...] | None:
    """None for an entry that is not an event."""
    event = Event.decode(dict(entry))
    if event is None:
        return None
    return event.event_id, event.type, event.user_id, event.item_id, event.time, event.recommendation_id
