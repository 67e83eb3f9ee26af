"""A client that knows when every request was due, sent and answered, and what the answer was.

One thread, `select` and raw sockets: its own timing is good to some 50 µs, which asyncio's whole milliseconds
are not. At most one request at a time on a connection.
"""

import gc
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.load.outcome import Exchanges, Times

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE = 10.0
_now = time.perf_counter

DueOf = Callable[[int, float], float | None]
"""When the n-th request is due, given the time now; None when there is to be no n-th."""


def schedule(rate: float, seconds: float, start: float, at_random: bool = False, seed: int = 0) -> Times:
    """When requests are due, fixed beforehand: evenly, or at random as by independent visitors (Poisson)."""
    count = round(rate * seconds)
    if not at_random:
        return start + np.arange(count) / rate
    return start + np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


@dataclass(slots=True, eq=False)
class _Connection:
    port: int
    number: int = -1
    received: bytearray = field(default_factory=bytearray)
    wire: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Connect, for the first time or again."""
        self.received.clear()
        self.wire = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE)
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """For select."""
        return self.wire.fileno()

    def answer(self) -> tuple[int, bytes] | None:
        """Status and body once all of it is there; raises OSError when the server hung up."""
        piece = self.wire.recv(262_144)
        if not piece:
            raise ConnectionResetError
        self.received += piece
        head = self.received.find(b"\r\n\r\n")
        if head < 0:
            return None
        length = _LENGTH.search(self.received, 0, head + 2)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self.received) < end:
            return None
        status, body = int(self.received[9:12]), bytes(self.received[head + 4 : end])
        self.received.clear()
        return status, body


class Client:
    """Asks one server for paths in order, around at the end."""

    def __init__(self, port: int, paths: Sequence[str], connections: int, keep_bodies: bool = False) -> None:
        head = f"Host: 127.0.0.1:{port}\r\n\r\n"
        self._requests = [f"GET {path} HTTP/1.1\r\n{head}".encode() for path in paths]
        self._port, self._count, self._keep = port, connections, keep_bodies

    def closed_loop(self, seconds: float, going: Callable[[], bool] = lambda: True) -> Exchanges:
        """Every connection asks again as soon as it is answered, while `going`, at most for `seconds`."""
        end = _now() + seconds
        return self._run(lambda _, now: now if now < end and going() else None)

    def each_once(self) -> Exchanges:
        """Every path once, as fast as the connections get answers."""
        return self._run(lambda n, now: now if n < len(self._requests) else None)

    def open_loop(self, rate: float, seconds: float, at_random: bool = False, seed: int = 0) -> Exchanges:
        """Requests at times fixed beforehand, whether or not the server keeps up."""
        due = schedule(rate, seconds, _now() + 0.05, at_random, seed)
        return self._run(lambda n, _: float(due[n]) if n < len(due) else None)

    def _run(self, due_of: DueOf) -> Exchanges:
        run = _Run(due_of, self._requests, [_Connection(self._port) for _ in range(self._count)])
        gc.disable()  # its pauses would count as the server's
        try:
            while run.step():
                pass
        finally:
            gc.enable()
            run.close()
        return run.exchanges(self._keep)


class _Run:
    """One run's connections, and what became of every request so far."""

    def __init__(self, due_of: DueOf, requests: Sequence[bytes], connections: list[_Connection]) -> None:
        self._due_of = due_of
        self._requests = requests
        self._free = connections
        self._busy: dict[_Connection, None] = {}
        self._due: list[float] = []
        self._done: list[float] = []
        self._status: list[int] = []
        self._bodies: list[bytes] = []

    def step(self) -> bool:
        """Send what is due, wait for answers or for the next to be due; False when all is done."""
        now = _now()
        due = self._due_of(len(self._due), now)
        while self._free and due is not None and due <= now:
            self._send(self._free.pop(), due)
            due = self._due_of(len(self._due), now)
        if due is None and not self._busy:
            return False
        wait = max(0.0, due - now) if due is not None and self._free else _PATIENCE
        ready, _, _ = select.select(list(self._busy), [], [], wait)
        for connection in ready:
            self._receive(connection)
        if not ready and wait == _PATIENCE:
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
            connection.wire.sendall(self._requests[number % len(self._requests)])
        except OSError:
            self._fail(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            answer = connection.answer()
        except OSError:
            self._fail(connection)
            return
        if answer is not None:
            self._status[connection.number], self._bodies[connection.number] = answer
            self._settle(connection)

    def _fail(self, connection: _Connection) -> None:
        """The request counts as failed; the connection is made anew."""
        connection.wire.close()
        connection.open()
        self._settle(connection)

    def _settle(self, connection: _Connection) -> None:
        self._done[connection.number] = _now()
        del self._busy[connection]
        self._free.append(connection)

    def close(self) -> None:
        """Close every connection."""
        for connection in [*self._free, *self._busy]:
            connection.wire.close()

    def exchanges(self, keep_bodies: bool) -> Exchanges:
        """What became of every request."""
        return Exchanges(
            asked=np.arange(len(self._due)) % len(self._requests),
            due=np.array(self._due),
            done=np.array(self._done),
            status=np.array(self._status),
            bodies=self._bodies if keep_bodies else [],
        )
