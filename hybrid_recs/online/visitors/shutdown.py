"""Tells of the end as soon as it is asked for: the server first waits for responses that are open."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def when_asked_to_end(call: Callable[[], None]) -> None:
    """Call once SIGINT or SIGTERM arrives, on the running event loop, then do what was done before.

    Only the main thread can be told; in another one the server's own time limit ends open responses.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def handle(
            received: int,
            frame: FrameType | None,
            before: Callable[[int, FrameType | None], object] | int | None = before,
        ) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(call)
            if callable(before):
                before(received, frame)

        signal.signal(number, handle)
