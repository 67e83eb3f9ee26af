"""Opens Redis clients that fail fast: short timeouts, no retries (redis-py's defaults take seconds)."""

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(url: str, timeout: float = 5.0) -> redis.Redis:
    """A blocking client for jobs and commands; `timeout` in seconds."""
    return redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


def connect_async(url: str, timeout: float) -> redis.asyncio.Redis:
    """A client for the service; `timeout` in seconds."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
    )


UNREACHABLE = (redis.RedisError, OSError, TimeoutError)
"""What a client raises when the server is down, too slow, full, or not the one expected."""
