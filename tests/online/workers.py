"""Sends requests to each worker of a service; without it the kernel chooses the worker."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from hybrid_recs.demo.child_service import ChildService

_MAX_CONNECTIONS = 500


class WorkerResponse(NamedTuple):
    """Status and body of an answer."""

    status: int
    body: Any


class Worker:
    """One open connection, and so one worker; it must not lie idle for seconds."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._connection.connect()
        self._connection.auto_open = 0  # another connection might reach another worker

    @property
    def client_port(self) -> int:
        return int(self._connection.sock.getsockname()[1])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> WorkerResponse:
        content = None if body is None else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, content, {"content-type": "application/json"} | named)
        response = self._connection.getresponse()
        return WorkerResponse(response.status, orjson.loads(response.read()))

    def list_of(self, item_id: str, k: int = 10) -> list[str]:
        """Ids of the recommendations for an item."""
        response = self.ask("GET", f"/recommendations?item_id={quote(item_id)}&k={k}")
        assert response.status == 200, response.body
        return [item["item_id"] for item in response.body["items"]]

    def close(self) -> None:
        self._connection.close()


@contextmanager
def each_worker(service: ChildService, workers: int = 2) -> Iterator[list[Worker]]:
    """A connection to every worker, found by the process that has the other end of it."""
    reached: dict[int, Worker] = {}
    spare: list[Worker] = []
    try:
        while len(reached) < workers:
            assert len(spare) < _MAX_CONNECTIONS, f"only workers {list(reached)} take connections"
            worker = Worker(service.port)
            worker.ask("GET", "/healthz")
            pid = _holder(service, worker.client_port)
            if pid in reached:
                spare.append(worker)
            else:
                reached[pid] = worker
        yield list(reached.values())
    finally:
        for worker in [*reached.values(), *spare]:
            worker.close()


def _holder(service: ChildService, client_port: int) -> int:
    """The process with the server's end of the connection that comes from `client_port`."""
    ends = f":{service.port:04X}", f":{client_port:04X}"
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    (inode,) = (line[9] for line in lines if line[1].endswith(ends[0]) and line[2].endswith(ends[1]))
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
    for pid in [str(service.pid), *children]:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # a descriptor may be closed meanwhile
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return int(pid)
    raise AssertionError(f"no worker of {service.pid} holds the connection")
