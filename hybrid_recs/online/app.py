"""Builds the application from the settings; what uvicorn calls in every worker."""

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from starlette.types import ASGIApp

from hybrid_recs import logs, wiring
from hybrid_recs.cache.client import connect, connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.online.api import create_api
from hybrid_recs.online.http.fast_path import FastPath
from hybrid_recs.online.http.write_guard import WriteGuard
from hybrid_recs.online.serving.json_renderer import JsonRenderer
from hybrid_recs.online.serving.list_keeper import ListKeeper
from hybrid_recs.online.serving.live_search import LiveSearch, search_threads
from hybrid_recs.online.serving.query_service import QueryService
from hybrid_recs.online.serving.response_cache import ResponseCache
from hybrid_recs.online.serving.rising_items import RisingItems
from hybrid_recs.online.serving.service import Service
from hybrid_recs.online.serving.session_view import SessionView
from hybrid_recs.online.serving.snapshot import Snapshot
from hybrid_recs.online.visitors.components import VisitorComponents
from hybrid_recs.online.visitors.event_intake import EventIntake
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.online.visitors.session_streams import SessionStreams
from hybrid_recs.online.visitors.state_reader import VisitorStateReader
from hybrid_recs.online.visitors.trending_reader import TrendingReader
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.hit_rates import HitRateReport, hit_rate_report
from hybrid_recs.telemetry.request_recorder import RequestRecorder
from hybrid_recs.telemetry.shared_counters import SharedCounters

_BACKGROUND_TIMEOUT = 2.0
_RISING_TTL_SECONDS = 3_600
_BYTES_A_MB = 1_000_000
# How long a thread at work (a list for a rising item, a generation being opened) may keep the event loop
# waiting for the interpreter; Python's own 5 ms is many answers' worth.
_SWITCH_SECONDS = 0.0005


def create_app(
    settings: Settings | None = None, recorder_of: Callable[[Keys], RequestRecorder] = RequestRecorder
) -> ASGIApp:
    """One worker's application; opens nothing but a counter file until it is started.

    recorder_of: makes the request counters; for a benchmark of what counting costs.
    """
    settings = settings or Settings()
    logs.configure(settings.log_format, settings.log_level)
    use_one_thread_per_search()
    sys.setswitchinterval(_SWITCH_SECONDS)
    url, keys = wiring.redis_url(settings), wiring.keys(settings)
    folder = settings.counters_dir or Path(tempfile.mkdtemp(prefix="hybrid-recs-"))
    list_ttl, threads = wiring.list_ttl_seconds(settings), search_threads()

    def prepare(generation: Generation, overlay: Overlay) -> Snapshot:
        recommender = Recommender(generation, overlay)
        return Snapshot(
            generation,
            overlay,
            recommender,
            JsonRenderer(recommender),
            ResponseCache(settings.local_cache_mb * _BYTES_A_MB),
            LiveSearch(recommender, threads),
            RisingItems(
                Recommender(generation), keys, settings.rising_max_items, min(_RISING_TTL_SECONDS, list_ttl)
            ),
        )

    feed = ChangeFeed(wiring.item_changes(settings), settings.max_new_items)
    service = Service(
        store=wiring.store(settings),
        keys=keys,
        cache=NeighbourCache(url, settings.redis_timeout_ms / 1_000),
        background=connect_async(url, _BACKGROUND_TIMEOUT),
        keeper=ListKeeper(url, keys, list_ttl),
        counters=SharedCounters(folder),
        recorder=recorder_of(keys),
        prepare=prepare,
        overlay_of=feed.overlay_of,
        threads=threads,
        poll_seconds=settings.poll_seconds,
        flush_seconds=settings.flush_seconds,
    )

    visitors = _visitor_components(settings, url, keys, service, threads)
    query_service = QueryService(service, visitors.visitors, visitors.predictions)

    def report_of(seconds: int, title: Callable[[str], str | None]) -> HitRateReport:
        with connect(url, _BACKGROUND_TIMEOUT) as client:
            return hit_rate_report(client, keys, seconds, title)

    guarded = WriteGuard(
        create_api(service, query_service, feed, visitors, report_of),
        wiring.api_keys(settings),
        settings.writes_per_second,
        int(settings.max_body_mb * _BYTES_A_MB),
    )
    return FastPath(guarded, service, name_every_request=settings.log_format == "json")


def _visitor_components(
    settings: Settings, url: str, keys: Keys, service: Service, threads: Executor
) -> VisitorComponents:
    visitors = VisitorStateReader(connect_async(url, settings.redis_timeout_ms / 1_000), keys)
    patient = connect_async(url, settings.events_timeout_ms / 1_000)
    client = connect_async(url, _BACKGROUND_TIMEOUT)
    state = SessionView(service, visitors, threads)
    return VisitorComponents(
        client=client,
        keys=keys,
        intake=EventIntake(patient, keys, settings.events_max_pending, *wiring.visitor_ttl_seconds(settings)),
        visitors=visitors,
        streams=SessionStreams(
            connect_async(url, _BACKGROUND_TIMEOUT), keys, state.current, settings.streams_max
        ),
        trends=TrendingReader(client, keys),
        predictions=ImpressionLog(keys, settings.log_predictions_share),
        heartbeat_seconds=settings.heartbeat_seconds,
        flush_seconds=settings.flush_seconds,
    )
