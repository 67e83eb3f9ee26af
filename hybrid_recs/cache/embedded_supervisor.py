"""Starts the embedded redis-server again when it has ended.

Whoever started it and runs for long watches it: `hybrid-recs serve` for its workers, a consumer for itself.
Several may watch the same server, because starting takes a lock. A server that `stop-redis` ended stays so,
and one that hangs is left alone: two servers on one folder would damage its data.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid_recs.cache import embedded_server
from hybrid_recs.errors import RedisServerError

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 60.0
_STABLE_SECONDS = 60.0
_STOP_SECONDS = 5.0


class Supervisor:
    """Watches the server below `var_dir`. One that keeps ending is started with growing pauses, at most a
    minute."""

    def __init__(self, var_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._var_dir = var_dir
        self._clock = clock
        self._pause = 0.0
        self._next_start = float("-inf")
        self._says_stopped = False

    def check(self) -> None:
        """Start the server if it has ended and the pause is over; never raises. Waits for the start."""
        if not embedded_server.has_ended(self._var_dir):
            self._says_stopped = False
            return
        if embedded_server.was_stopped(self._var_dir):
            if not self._says_stopped:
                log.warning("the embedded redis-server was stopped by stop-redis and is not started again")
            self._says_stopped = True
            return
        now = self._clock()
        if now >= self._next_start:
            self._start(now)

    def _start(self, now: float) -> None:
        is_stable = now - self._next_start >= _STABLE_SECONDS
        self._pause = _FIRST_PAUSE_SECONDS if is_stable else min(2 * self._pause, _MAX_PAUSE_SECONDS)
        self._next_start = now + self._pause
        try:
            embedded_server.ensure_running(self._var_dir)
        except (RedisServerError, OSError) as error:
            log.warning(
                "the embedded redis-server has ended and cannot be started, next try in %.0f s: %s",
                self._pause,
                error,
            )
        else:
            log.warning(
                "the embedded redis-server had ended and was started again; %s says why it ended",
                embedded_server.log_file(self._var_dir),
            )


@contextmanager
def supervised(var_dir: Path) -> Iterator[None]:
    """Watch the server in a thread until the block ends."""
    supervisor, ended = Supervisor(var_dir), threading.Event()

    def watch() -> None:
        while not ended.wait(CHECK_SECONDS):
            supervisor.check()

    thread = threading.Thread(target=watch, name="redis supervisor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_STOP_SECONDS)  # a start in progress may take longer
