"""Reads the hit-rate report with titles of the serving generation."""

from functools import partial

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report


class HitRateReader:
    """Opens a connection for every report: it is requested by people, now and then."""

    def __init__(self, url: str, keys: Keys, timeout_seconds: float) -> None:
        self._url = url
        self._keys = keys
        self._timeout_seconds = timeout_seconds

    def report(self, seconds: int, generation: Generation | None) -> HitRateReport:
        """The report of the last `seconds`. Blocking; raises what the Redis client raises."""
        with connect(self._url, self._timeout_seconds) as client:
            return hit_rate_report(client, self._keys, seconds, partial(_title_of, generation))


def _title_of(generation: Generation | None, item_id: str) -> str | None:
    row = generation.catalogue.row(item_id) if generation else None
    return generation.catalogue.title(row) if generation and row is not None else None
