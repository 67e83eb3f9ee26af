"""An HTTP client that records when every request was due and completed, and its response.

One thread, `select` and raw sockets: accurate to about 50 µs, where asyncio's timers have whole milliseconds.
At most one request at a time per connection.
"""

import gc
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.load.exchanges import Exchanges, Times

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TIMEOUT_SECONDS = 10.0
_now = time.perf_counter

DueTime = Callable[[int, float], float | None]
"""(n, current time) → when the n-th request is due; None if there is no n-th request."""


def schedule(rate: float, seconds: float, start: float, poisson: bool = False, seed: int = 0) -> Times:
    """Due times fixed beforehand: evenly spaced, or a Poisson process as from independent visitors."""
    count = round(rate * seconds)
    if not poisson:
        return start + np.arange(count) / rate
    return start + np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


@dataclass(slots=True, eq=False)
class _Connection:
    port: int
    number: int = -1
    received: bytearray = field(default_factory=bytearray)
    sock: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Connect or reconnect."""
        self.received.clear()
        self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=_TIMEOUT_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self.sock.fileno()

    def read_response(self) -> tuple[int, bytes] | None:
        """Status and body of a complete response, else None; raises OSError if the server hung up."""
        chunk = self.sock.recv(262_144)
        if not chunk:
            raise ConnectionResetError
        self.received += chunk
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        length = _LENGTH.search(self.received, 0, head_end + 2)
        end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self.received) < end:
            return None
        status, body = int(self.received[9:12]), bytes(self.received[head_end + 4 : end])
        self.received.clear()
        return status, body


class Client:
    """Requests paths from one server in order, and wraps around."""

    def __init__(self, port: int, paths: Sequence[str], connections: int, keep_bodies: bool = False) -> None:
        headers = f"Host: 127.0.0.1:{port}\r\n\r\n"
        self._requests = [f"GET {path} HTTP/1.1\r\n{headers}".encode() for path in paths]
        self._port, self._count, self._keep = port, connections, keep_bodies

    def closed_loop(self, seconds: float, keep_running: Callable[[], bool] = lambda: True) -> Exchanges:
        """Every connection sends its next request on a response, while `keep_running()`, up to `seconds`."""
        end = _now() + seconds
        return self._run(lambda _, now: now if now < end and keep_running() else None)

    def each_once(self) -> Exchanges:
        """Every path once, as fast as the connections get responses."""
        return self._run(lambda n, now: now if n < len(self._requests) else None)

    def open_loop(self, rate: float, seconds: float, poisson: bool = False, seed: int = 0) -> Exchanges:
        """Requests at times fixed beforehand, whether or not the server keeps up."""
        due = schedule(rate, seconds, _now() + 0.05, poisson, seed)
        return self._run(lambda n, _: float(due[n]) if n < len(due) else None)

    def _run(self, due_time: DueTime) -> Exchanges:
        run = _Run(due_time, self._requests, [_Connection(self._port) for _ in range(self._count)])
        gc.disable()  # its pauses would count as the server's
        try:
            while run.step():
                pass
        finally:
            gc.enable()
            run.close()
        return run.exchanges(self._keep)


class _Run:
    """The connections of one run, and the state of every request so far."""

    def __init__(self, due_time: DueTime, requests: Sequence[bytes], connections: list[_Connection]) -> None:
        self._due_time = due_time
        self._requests = requests
        self._free = connections
        self._busy: dict[_Connection, None] = {}
        self._due: list[float] = []
        self._done: list[float] = []
        self._status: list[int] = []
        self._bodies: list[bytes] = []

    def step(self) -> bool:
        """Send due requests, then wait for responses or for the next due time; False when all is done."""
        now = _now()
        due = self._due_time(len(self._due), now)
        while self._free and due is not None and due <= now:
            self._send(self._free.pop(), due)
            due = self._due_time(len(self._due), now)
        if due is None and not self._busy:
            return False
        wait = max(0.0, due - now) if due is not None and self._free else _TIMEOUT_SECONDS
        ready, _, _ = select.select(list(self._busy), [], [], wait)
        for connection in ready:
            self._receive(connection)
        if not ready and wait == _TIMEOUT_SECONDS:
            for connection in list(self._busy):
                self._fail(connection)
        return True

    def _send(self, connection: _Connection, due: float) -> None:
        number = len(self._due)
        connection.number = number
        self._due.append(due)
        self._done.append(due)
        self._status.append(0)
        self._bodies.append(b"")
        self._busy[connection] = None
        try:
            connection.sock.sendall(self._requests[number % len(self._requests)])
        except OSError:
            self._fail(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            response = connection.read_response()
        except OSError:
            self._fail(connection)
            return
        if response is not None:
            self._status[connection.number], self._bodies[connection.number] = response
            self._complete(connection)

    def _fail(self, connection: _Connection) -> None:
        """Count the request as failed, and reconnect."""
        connection.sock.close()
        connection.open()
        self._complete(connection)

    def _complete(self, connection: _Connection) -> None:
        self._done[connection.number] = _now()
        del self._busy[connection]
        self._free.append(connection)

    def close(self) -> None:
        for connection in [*self._free, *self._busy]:
            connection.sock.close()

    def exchanges(self, keep_bodies: bool) -> Exchanges:
        return Exchanges(
            path_index=np.arange(len(self._due)) % len(self._requests),
            due=np.array(self._due),
            done=np.array(self._done),
            status=np.array(self._status),
            bodies=self._bodies if keep_bodies else [],
        )
