"""Reads the predictions logged and the events received in a stretch of time, for the report to join."""

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
_SERVED = {
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
    """`recommendation_id` (each once), `time`, `kind`, `source`, `items` and `age` (seconds or null) of the
    predictions logged in [start, end), seconds since 1970."""
    frames = [pl.DataFrame(schema=_SERVED)]
    for page in _pages(client, keys.served(), start):
        read = [one for _, entry in page if (one := Impression.read(entry)) is not None]
        rows = [
            (one.recommendation_id, one.time, one.kind, one.source, list(one.items), one.age_seconds)
            for one in read
            if start <= one.time < end
        ]
        frames.append(pl.DataFrame(rows, schema=_SERVED, orient="row"))
    return pl.concat(frames).unique("recommendation_id", keep="first", maintain_order=True)


def read_events(client: redis.Redis, keys: Keys, archive: Path, start: float, end: float) -> pl.DataFrame:
    """The events received in [start, end), each once: what is archived by day below a folder, and what
    still waits in the stream."""
    frames = [pl.DataFrame(schema=_EVENTS)]
    if paths := _archived(archive, start, end):
        stored = pl.scan_parquet(paths).filter(pl.col("received") >= start, pl.col("received") < end)
        frames.append(
            stored.select(pl.col(name).cast(kind) for name, kind in _EVENTS.items()).collect(
                engine="streaming"
            )
        )
    for page in _pages(client, keys.events(), start):
        rows = [_event(entry) for name, entry in page if _seconds(name) < end]
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
    """Entries added since `start`, by the clock of Redis."""
    first = str(max(0, int(start * 1_000)))
    while page := cast(list[_Entry], client.xrange(stream, first, "+", _PAGE)):
        yield page
        first = f"({page[-1][0].decode()}"


def _seconds(entry: bytes) -> float:
    return int(entry.partition(b"-")[0]) / 1_000


def _event(entry: Mapping[bytes, bytes]) -> tuple[object, ...] | None:
    """An event of the stream as a row, or None when it is not one."""
    event = Event.decode(dict(entry))
    return None if event is None else tuple(getattr(event, name) for name in _EVENTS)
