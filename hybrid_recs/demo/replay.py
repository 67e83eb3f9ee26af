"""Sends item requests to a running service: recorded interactions, or made-up traffic with a skew."""

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
class Outcome:
    """What came back: answers by source, and everything that was not an answer."""

    sources: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.sources + other.sources, self.failures + other.failures)


def skewed_requests(item_ids: Sequence[str], popularity: Sequence[float], count: int, seed: int) -> list[str]:
    """`count` requests, each item asked for in proportion to its popularity."""
    weights = np.asarray(popularity, np.float64)
    drawn = np.random.default_rng(seed).choice(len(weights), count, p=weights / weights.sum())
    return [item_ids[at] for at in drawn]


def send(
    url: str, item_ids: Sequence[str], k: int = 10, on_progress: ProgressCallback = no_progress
) -> Outcome:
    """Ask for every item in turn over a few connections that stay open; returns when all are answered."""
    shares = [item_ids[at::_CONNECTIONS] for at in range(_CONNECTIONS)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        outcomes = list(pool.map(lambda share: _send_in_turn(url, share, k, on_progress), shares))
    return sum(outcomes, Outcome())


def ask(connection: http.client.HTTPConnection, item_id: str, k: int) -> Json:
    """One answer, with its `Server-Timing` milliseconds as `milliseconds`."""
    connection.request("GET", f"/recommendations?item_id={quote(item_id, safe='')}&k={k}")
    response = connection.getresponse()
    body: Json = json.loads(response.read())
    if response.status != 200:
        raise HybridRecsError(f"status {response.status}: {body['error']['message']}")
    body["milliseconds"] = float(response.headers["Server-Timing"].rpartition("=")[2])
    return body


def connect_to(url: str) -> http.client.HTTPConnection:
    """A connection to a service by its URL."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=10)


def _send_in_turn(url: str, item_ids: Sequence[str], k: int, on_progress: ProgressCallback) -> Outcome:
    outcome, connection = Outcome(), connect_to(url)
    for item_id in item_ids:
        try:
            outcome.sources[ask(connection, item_id, k)["source"]] += 1
        except (HybridRecsError, OSError, http.client.HTTPException) as error:
            outcome.failures[str(error)] += 1
            connection.close()
        on_progress(1)
    connection.close()
    return outcome
