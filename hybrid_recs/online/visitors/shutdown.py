"""Calls back on a stop signal. uvicorn runs its own shutdown hooks only after open responses have ended."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def on_stop_signal(callback: Callable[[], None]) -> None:
    """Call `callback` on the running event loop on SIGINT or SIGTERM, then the handler that was set before.

    Signals reach the main thread only; in any other one uvicorn's own time limit ends open responses.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        previous = signal.getsignal(number)

        def handle(
            received: int,
            frame: FrameType | None,
            previous: Callable[[int, FrameType | None], object] | int | None = previous,
        ) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(callback)
            if callable(previous):
                previous(received, frame)

        signal.signal(number, handle)
