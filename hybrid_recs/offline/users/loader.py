"""Loads users' lists into Redis, within a bound, and removes those of other generations."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import redis

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import RETIRED_SECONDS
from hybrid_recs.cache.redis_problems import in_words
from hybrid_recs.cache.user_list_codec import StoredUserList, encode_user_list
from hybrid_recs.errors import RedisServerError
from hybrid_recs.generation.neighbour_codec import REDIS_OVERHEAD_BYTES
from hybrid_recs.offline.users.files import UserListFiles
from hybrid_recs.types import ProgressCallback, no_progress

_BATCH = 1_000

ListBatch = tuple[Sequence[str], Sequence[StoredUserList]]
"""Users and the list of each."""


@dataclass(slots=True)
class LoadResult:
    """Lists that Redis received, and their estimated bytes there.

    full: whether the bound kept others out. problem: why Redis could not be used, if so.
    """

    lists: int = 0
    bytes: int = 0
    full: bool = False
    problem: str = ""

    @property
    def summary(self) -> str:
        if self.problem:
            return f"not loaded: {self.problem}; users are answered live until this job runs again"
        text = f"{self.lists:,} lists, about {self.bytes / 1e6:.1f} MB"
        return text + (" (limited by predictions_max_mb)" if self.full else "")


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """Generations whose lists were removed. problem: why they are still in Redis, if so."""

    generations: int
    problem: str = ""

    @property
    def summary(self) -> str:
        text = f"of {self.generations} generations"
        return text + (f"; they stay in Redis until they expire: {self.problem}" if self.problem else "")


def load_user_lists(
    connect: Callable[[], redis.Redis],
    keys: Keys,
    generation: str,
    batches: Iterable[ListBatch],
    ttl_seconds: int,
    max_bytes: int,
    on_progress: ProgressCallback = no_progress,
) -> LoadResult:
    """Set list after list until the bound is reached, so the most important users must come first.

    May be repeated at any time. Redis is a cache: that it is unreachable is a result, not an error.
    """
    result = LoadResult()
    try:
        with connect() as client:
            for batch in _in_batches(batches):
                pipeline = client.pipeline(transaction=False)
                _add(pipeline, keys, generation, batch, ttl_seconds, max_bytes, result)
                pipeline.execute()
                if result.full:
                    break
                on_progress(len(batch[0]))
    except (*UNREACHABLE, RedisServerError) as error:
        result.problem = in_words(error)
    return result


def _in_batches(batches: Iterable[ListBatch]) -> Iterator[ListBatch]:
    for users, lists in batches:
        for start in range(0, len(users), _BATCH):
            yield users[start : start + _BATCH], lists[start : start + _BATCH]


def _add(
    pipeline: redis.client.Pipeline,
    keys: Keys,
    generation: str,
    batch: ListBatch,
    ttl_seconds: int,
    max_bytes: int,
    result: LoadResult,
) -> None:
    """Add the lists that fit to the pipeline, and count them."""
    for user, stored in zip(*batch, strict=True):
        name, value = keys.user_list(generation, user), encode_user_list(stored)
        size = len(name.encode()) + len(value) + REDIS_OVERHEAD_BYTES
        if result.bytes + size > max_bytes:
            result.full = True
            return
        pipeline.set(name, value, ex=ttl_seconds)
        result.lists, result.bytes = result.lists + 1, result.bytes + size


def remove_older_lists(
    connect: Callable[[], redis.Redis],
    keys: Keys,
    files: UserListFiles,
    generation: str,
    published: Sequence[str],
) -> RemovalResult:
    """Remove the lists of all generations but one from Redis, and from disk if no longer published."""
    older = [name for name in files.generations() if name != generation]
    problem = ""
    for name in older:
        try:
            with connect() as client:
                _retire(client, keys, name, files.users(name))
        except (*UNREACHABLE, RedisServerError) as error:
            problem = in_words(error)
        if name not in published:
            files.remove(name)
    return RemovalResult(len(older), problem)


def _retire(client: redis.Redis, keys: Keys, generation: str, users: Sequence[str]) -> None:
    """Let the lists of a generation that no longer serves expire soon, so that memory is not used twice."""
    for start in range(0, len(users), _BATCH):
        pipeline = client.pipeline(transaction=False)
        for user in users[start : start + _BATCH]:
            pipeline.expire(keys.user_list(generation, user), RETIRED_SECONDS)
        pipeline.execute()
