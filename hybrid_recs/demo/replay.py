"""Sends item requests to a running service: recorded interactions, or simulated traffic."""

import http.client
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import numpy as np

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.types import Json, ProgressCallback, no_progress

_CONNECTIONS = 4


@dataclass(slots=True)
class ReplayResult:
    """Answers by source, and errors by message."""

    sources: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "ReplayResult") -> "ReplayResult":
        return ReplayResult(self.sources + other.sources, self.failures + other.failures)


def skewed_requests(item_ids: Sequence[str], popularity: Sequence[float], count: int, seed: int) -> list[str]:
    """`count` random requests, each item with a probability in proportion to its popularity."""
    weights = np.asarray(popularity, np.float64)
    drawn = np.random.default_rng(seed).choice(len(weights), count, p=weights / weights.sum())
    return [item_ids[row] for row in drawn]


def send(
    url: str, item_ids: Sequence[str], k: int = 10, on_progress: ProgressCallback = no_progress
) -> ReplayResult:
    """Request every item in turn over a few persistent connections; returns when all are answered."""
    shares = [item_ids[number::_CONNECTIONS] for number in range(_CONNECTIONS)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        outcomes = list(pool.map(lambda share: _send_in_turn(url, share, k, on_progress), shares))
    return sum(outcomes, ReplayResult())


def request(connection: http.client.HTTPConnection, item_id: str, k: int) -> Json:
    """One answer, with the milliseconds of its `Server-Timing` header as `milliseconds`.

    Raises HybridRecsError for an error response.
    """
    connection.request("GET", f"/recommendations?item_id={quote(item_id, safe='')}&k={k}")
    response = connection.getresponse()
    body: Json = json.loads(response.read())
    if response.status != 200:
        raise HybridRecsError(f"status {response.status}: {body['error']['message']}")
    body["milliseconds"] = float(response.headers["Server-Timing"].rpartition("=")[2])
    return body


def connect_to(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=10)


def _send_in_turn(url: str, item_ids: Sequence[str], k: int, on_progress: ProgressCallback) -> ReplayResult:
    result, connection = ReplayResult(), connect_to(url)
    for item_id in item_ids:
        try:
            result.sources[request(connection, item_id, k)["source"]] += 1
        except (HybridRecsError, OSError, http.client.HTTPException) as error:
            result.failures[str(error)] += 1
            connection.close()
        on_progress(1)
    connection.close()
    return result
