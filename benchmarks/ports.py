"""Loopback ports, and single HTTP requests to them."""

import http.client
import json
import socket
from dataclasses import dataclass

from hybrid_recs.types import Json


def free_port() -> int:
    """A port on which nothing listens at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether a server listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class Response:
    """headers: without the date, which uvicorn adds."""

    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Json:
        return dict(json.loads(self.body))


def get(port: int, path: str) -> Response:
    """GET `path`; raises RuntimeError unless the status is 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")
    return Response([(n, v) for n, v in response.getheaders() if n.lower() != "date"], body)
