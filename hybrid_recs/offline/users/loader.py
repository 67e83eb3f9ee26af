"""Puts users' lists into Redis, within a bound, and takes those of other generations out again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import redis

from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import RETIRED_SECONDS
from hybrid_recs.cache.user_list_codec import StoredUserList, encode_user_list
from hybrid_recs.generation.neighbour_codec import REDIS_OVERHEAD_BYTES
from hybrid_recs.types import ProgressCallback, no_progress

_BATCH = 1_000

Stored = Iterable[tuple[Sequence[str], Sequence[StoredUserList]]]


@dataclass(slots=True)
class Loaded:
    """How many lists Redis got, and their estimated bytes there; full: whether the bound kept others out."""

    lists: int = 0
    bytes: int = 0
    full: bool = False


def load_user_lists(
    client: redis.Redis,
    keys: Keys,
    generation: str,
    stored: Stored,
    ttl_seconds: int,
    most_bytes: int,
    on_progress: ProgressCallback = no_progress,
) -> Loaded:
    """Set one list after the other until the bound is reached: those who matter most come first.

    May be repeated at any time.
    """
    loaded = Loaded()
    for users, predictions in stored:
        for start in range(0, len(users), _BATCH):
            some = slice(start, start + _BATCH)
            pipeline = client.pipeline(transaction=False)
            for user, prediction in zip(users[some], predictions[some], strict=True):
                name, value = keys.user_list(generation, user), encode_user_list(prediction)
                size = len(name.encode()) + len(value) + REDIS_OVERHEAD_BYTES
                if loaded.bytes + size > most_bytes:
                    loaded.full = True
                    break
                pipeline.set(name, value, ex=ttl_seconds)
                loaded.lists, loaded.bytes = loaded.lists + 1, loaded.bytes + size
            pipeline.execute()
            if loaded.full:
                return loaded
            on_progress(len(users[some]))
    return loaded


def retire_user_lists(client: redis.Redis, keys: Keys, generation: str, users: Sequence[str]) -> None:
    """Let the lists of a generation that no longer serves expire soon, so that memory is not kept twice."""
    for start in range(0, len(users), _BATCH):
        pipeline = client.pipeline(transaction=False)
        for user in users[start : start + _BATCH]:
            pipeline.expire(keys.user_list(generation, user), RETIRED_SECONDS)
        pipeline.execute()
