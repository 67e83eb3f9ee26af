"""Builds the application from the settings; what uvicorn calls in every worker."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from hybrid_recs import wiring
from hybrid_recs.cache import NeighbourCache
from hybrid_recs.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.online.api import create_api
from hybrid_recs.online.list_keeper import ListKeeper
from hybrid_recs.online.metrics import WorkerCounters
from hybrid_recs.online.service import Service
from hybrid_recs.redis_client import connect, connect_async
from hybrid_recs.settings import Settings
from hybrid_recs.vectors import use_one_thread_per_search

_BACKGROUND_TIMEOUT = 2.0


def create_app(settings: Settings | None = None) -> FastAPI:
    """One worker's application; opens nothing but a counter file until it is started."""
    settings = settings or Settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    use_one_thread_per_search()
    url, keys = wiring.redis_url(settings), wiring.keys(settings)
    folder = settings.counters_dir or Path(tempfile.mkdtemp(prefix="hybrid-recs-"))
    service = Service(
        store=wiring.store(settings),
        keys=keys,
        cache=NeighbourCache(connect_async(url, settings.redis_timeout_ms / 1_000)),
        background=connect_async(url, _BACKGROUND_TIMEOUT),
        keeper=ListKeeper(url, keys, wiring.list_ttl_seconds(settings)),
        counters=WorkerCounters(folder),
        poll_seconds=settings.poll_seconds,
        flush_seconds=settings.flush_seconds,
    )

    def report_of(seconds: int, title: Callable[[str], str | None]) -> HitRateReport:
        with connect(url, _BACKGROUND_TIMEOUT) as client:
            return hit_rate_report(client, keys, seconds, title)

    return create_api(service, report_of)
