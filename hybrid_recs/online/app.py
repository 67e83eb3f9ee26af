"""Builds the application from the settings; uvicorn calls `create_app` in every worker."""

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from starlette.types import ASGIApp

from hybrid_recs import logs, wiring
from hybrid_recs.cache.client import connect_async
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.neighbour_cache import NeighbourCache
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.health import Health
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.online.api import create_api
from hybrid_recs.online.http.fast_path import FastPath
from hybrid_recs.online.http.page_files import PageFiles
from hybrid_recs.online.http.state import AppState
from hybrid_recs.online.http.write_guard import WriteGuard
from hybrid_recs.online.serving.components import ServingComponents
from hybrid_recs.online.serving.generation_watcher import GenerationWatcher
from hybrid_recs.online.serving.hit_rate_reader import HitRateReader
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.list_keeper import ListKeeper
from hybrid_recs.online.serving.live_search import search_threads
from hybrid_recs.online.serving.maintenance import Maintenance
from hybrid_recs.online.serving.query_service import QueryService
from hybrid_recs.online.serving.redis_probe import RedisProbe
from hybrid_recs.online.serving.session_view import SessionView
from hybrid_recs.online.serving.snapshot import SnapshotFactory
from hybrid_recs.online.visitors.components import VisitorComponents
from hybrid_recs.online.visitors.consumer_lag_reader import ConsumerLagReader
from hybrid_recs.online.visitors.event_intake import EventIntake
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.online.visitors.session_streams import SessionStreams
from hybrid_recs.online.visitors.state_reader import VisitorStateReader
from hybrid_recs.online.visitors.trending_reader import TrendingReader
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.request_recorder import RequestRecorder
from hybrid_recs.telemetry.shared_counters import SharedCounters

_BACKGROUND_TIMEOUT = 2.0
_RISING_TTL_SECONDS = 3_600
_BYTES_A_MB = 1_000_000
# How long a busy thread (a list of a rising item, opening a generation) may keep the event loop waiting for
# the interpreter's lock. The default of 5 ms is the time of hundreds of answers.
_SWITCH_SECONDS = 0.0005


def create_app(
    settings: Settings | None = None, recorder_of: Callable[[Keys], RequestRecorder] = RequestRecorder
) -> ASGIApp:
    """The application of one worker. The generation is loaded and Redis connected when it is started.

    Creating it changes the process (logging, FAISS's threads, the interpreter's switch interval) and opens a
    counter file. Unless the settings name a Redis URL, a redis-server is started below `var_dir` if none runs
    there; unless they name a folder for counters, a temporary one is made and left behind. `hybrid-recs
    serve` does both once for all workers and sets both settings.

    recorder_of: makes the request recorder; for a benchmark of what counting costs.
    """
    settings = settings or Settings()
    logs.configure(settings.log_format, settings.log_level)
    use_one_thread_per_search()
    sys.setswitchinterval(_SWITCH_SECONDS)
    url, keys, threads = wiring.redis_url(settings), wiring.keys(settings), search_threads()
    feed = ChangeFeed(wiring.item_changes(settings), settings.max_new_items, log_problems=False)
    health = Health()
    serving = _serving_components(settings, url, keys, threads, feed, recorder_of(keys), health)
    visitors = _visitor_components(settings, url, keys, threads, serving.service, health)
    state = AppState(
        items=serving.service,
        queries=QueryService(serving.service, visitors.visitors, visitors.impressions),
        watcher=serving.watcher,
        maintenance=serving.maintenance,
        feed=feed,
        intake=visitors.intake,
        streams=visitors.streams,
        trending=TrendingReader(visitors.client, keys, health.redis.check("trending")),
        consumer_lag=ConsumerLagReader(visitors.client, keys, health.redis.check("consumer_lag")),
        hit_rates=HitRateReader(url, keys, _BACKGROUND_TIMEOUT),
        page=PageFiles.load(),
        heartbeat_seconds=settings.heartbeat_seconds,
    )
    guarded = WriteGuard(
        create_api(state, serving, visitors),
        wiring.api_keys(settings),
        settings.writes_per_second,
        int(settings.max_body_mb * _BYTES_A_MB),
    )
    return FastPath(guarded, serving.service, name_every_request=settings.log_format == "json")


def _serving_components(
    settings: Settings,
    url: str,
    keys: Keys,
    threads: Executor,
    feed: ChangeFeed,
    recorder: RequestRecorder,
    health: Health,
) -> ServingComponents:
    cache = NeighbourCache(url, settings.redis_timeout_ms / 1_000, health.list_reads)
    client = connect_async(url, _BACKGROUND_TIMEOUT)
    list_ttl = wiring.list_ttl_seconds(settings)
    keeper = ListKeeper(url, keys, list_ttl)
    service = ItemQueryService(keys, cache, keeper, recorder)
    snapshots = SnapshotFactory(
        keys=keys,
        threads=threads,
        local_cache_bytes=settings.local_cache_mb * _BYTES_A_MB,
        rising_max_items=settings.rising_max_items,
        rising_ttl_seconds=min(_RISING_TTL_SECONDS, list_ttl),
    )
    return ServingComponents(
        service=service,
        watcher=GenerationWatcher(
            wiring.store(settings), feed, snapshots, service, recorder, health, settings.poll_seconds
        ),
        maintenance=Maintenance(
            service=service,
            recorder=recorder,
            counters=SharedCounters(settings.counters_dir or Path(tempfile.mkdtemp(prefix="hybrid-recs-"))),
            cache=cache,
            keeper=keeper,
            client=client,
            probe=RedisProbe(client, keys, health.redis),
            health=health,
            threads=threads,
            flush_seconds=settings.flush_seconds,
        ),
        supervisor=wiring.redis_supervisor(settings),
    )


def _visitor_components(
    settings: Settings, url: str, keys: Keys, threads: Executor, service: ItemQueryService, health: Health
) -> VisitorComponents:
    check = health.redis.check
    visitors = VisitorStateReader(
        connect_async(url, settings.redis_timeout_ms / 1_000), keys, check("visitor_state")
    )
    patient = connect_async(url, settings.events_timeout_ms / 1_000)
    view = SessionView(service, visitors, threads)
    return VisitorComponents(
        client=connect_async(url, _BACKGROUND_TIMEOUT),
        intake=EventIntake(
            patient,
            keys,
            settings.events_max_pending,
            *wiring.visitor_ttl_seconds(settings),
            check=check("events"),
        ),
        visitors=visitors,
        streams=SessionStreams(
            connect_async(url, _BACKGROUND_TIMEOUT),
            keys,
            view.current,
            settings.streams_max,
            check("session_streams"),
        ),
        impressions=ImpressionLog(keys, settings.log_predictions_share, check=check("impressions")),
        flush_seconds=settings.flush_seconds,
    )
