"""The composition root: turns settings into the objects that commands and the service use."""

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import redis

from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import UNREACHABLE, connect
from hybrid_recs.cache.embedded_supervisor import Supervisor, supervised
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists, retire_lists
from hybrid_recs.cache.redis_problems import in_words
from hybrid_recs.errors import GenerationError, RedisServerError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.items.change_store import ChangeStore
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.settings import RISING_AFTER_REQUESTS, Settings
from hybrid_recs.types import SECONDS_PER_DAY, ProgressCallback, no_progress

log = logging.getLogger(__name__)

_SECONDS_PER_HOUR = 3_600


def redis_url(settings: Settings) -> str:
    """The configured Redis, or our own, which is started if it does not run."""
    return settings.redis_url or embedded_server.ensure_running(settings.var_dir)


def redis_supervisor(settings: Settings) -> Supervisor | None:
    """What starts our own Redis again when it has ended; None for a configured one, which others run."""
    return None if settings.redis_url else Supervisor(settings.var_dir)


def supervised_redis(settings: Settings) -> AbstractContextManager[None]:
    """Watch our own Redis until the block ends."""
    return nullcontext() if settings.redis_url else supervised(settings.var_dir)


def redis_client(settings: Settings) -> redis.Redis:
    """A blocking client of the configured or embedded Redis."""
    return connect(redis_url(settings))


def keys(settings: Settings) -> Keys:
    return Keys(settings.key_prefix)


def store(settings: Settings) -> GenerationStore:
    return GenerationStore(settings.index_dir)


def item_changes(settings: Settings) -> ChangeStore:
    """Item edits since the last rebuild; in the folder of the generations."""
    return ChangeStore(settings.index_dir)


def overlay(settings: Settings, generation: Generation) -> Overlay:
    """The current overlay of a generation."""
    return ChangeFeed(item_changes(settings), settings.max_new_items).overlay_of(generation)


def rising_after(settings: Settings) -> int:
    """After how many requests a tail item gets a list; 0: never."""
    return RISING_AFTER_REQUESTS if settings.rising_max_items else 0


def api_keys(settings: Settings) -> list[str]:
    """Each of them permits writing; empty: only clients on this machine may write."""
    return settings.api_keys.get_secret_value().split(",") if settings.api_keys else []


def predictions_dir(settings: Settings) -> Path:
    return settings.var_dir / "predictions"


def events_dir(settings: Settings) -> Path:
    return settings.events_dir or settings.var_dir / "events"


def list_ttl_seconds(settings: Settings) -> int:
    """How long a neighbour list stays in Redis unless renewed."""
    return int(settings.list_ttl_days * SECONDS_PER_DAY)


def visitor_ttl_seconds(settings: Settings) -> tuple[int, int]:
    """How long the items of a session and of a user are kept after the last event."""
    return int(settings.session_hours * _SECONDS_PER_HOUR), int(settings.user_days * SECONDS_PER_DAY)


def load_into_redis(
    settings: Settings, generation: Generation, on_progress: ProgressCallback = no_progress
) -> str:
    """Load the hot lists; returns a sentence for the terminal.

    Redis is a cache: if it cannot be used, the service loads the lists from disk once it can.
    """
    try:
        with connect(redis_url(settings)) as client:
            memory_before = _used_memory(client)
            loaded = load_lists(client, keys(settings), generation, list_ttl_seconds(settings), on_progress)
            memory_after = _used_memory(client)
    except (*UNREACHABLE, RedisServerError) as error:
        return f"not loaded: {in_words(error)}; the service will load the lists once that is mended"
    if memory_before is None or memory_after is None:
        return f"{loaded:,} lists"
    return f"{loaded:,} lists, {(memory_after - memory_before) / 1e6:.1f} MB more in use"


def switch(settings: Settings, generations: GenerationStore, to: str, event: str = "published") -> None:
    """Publish a sealed generation, then let the lists of its predecessor expire."""
    predecessor = generations.current()
    generations.publish(to, event)
    if predecessor is None or predecessor == to:
        return
    try:
        with connect(redis_url(settings)) as client:
            retire_lists(client, keys(settings), generations.open(predecessor))
    except (*UNREACHABLE, RedisServerError, GenerationError) as error:
        log.warning("neighbour lists of %s stay in Redis until they expire: %s", predecessor, in_words(error))


def _used_memory(client: redis.Redis) -> int | None:
    """In bytes; None if the user may not ask."""
    try:
        return int(client.info("memory")["used_memory"])
    except redis.exceptions.NoPermissionError:
        return None
