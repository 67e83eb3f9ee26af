"""Open session streams of one worker, fed by one Redis subscription.

A client needs the newest recommendations only: a stream holds one message, and a newer one replaces it while
a slow client reads. After a connection to Redis was lost, the subscription is recreated and every stream gets
what is stored by then.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis.asyncio
from redis.asyncio.client import PubSub

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.redis_problems import describe
from hybrid_recs.events.session_list import decode_message
from hybrid_recs.events.stream_id import StreamId
from hybrid_recs.health import Check

log = logging.getLogger(__name__)

_CONFIRM_SECONDS = 1.0
_IDLE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.05, 1.0

Current = Callable[[str], Awaitable[tuple[str, bytes]]]
"""Of a session id: the stream id of its newest event, and the body to send."""


class Stream:
    """The messages for one client."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self._upto, self._body = StreamId(), b""
        self._waiting: bytes | None = None
        self._wake = asyncio.Event()
        self._closed = False

    def offer(self, upto: str, body: bytes) -> None:
        """Send this next, unless the same or something newer was sent or is waiting."""
        stream_id = StreamId.parse(upto)
        if stream_id < self._upto or body == self._body:
            return
        self._upto, self._body = stream_id, body
        self._waiting = b"event: recommendations\nid: %b\ndata: %b\n\n" % (upto.encode(), body)
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def chunks(self, heartbeat_seconds: float) -> AsyncIterator[bytes]:
        """The chunks for the client until the stream is closed; a comment after `heartbeat_seconds` of
        silence."""
        while not self._closed:
            try:
                await asyncio.wait_for(self._wake.wait(), heartbeat_seconds)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            self._wake.clear()
            chunk, self._waiting = self._waiting, None
            if chunk is not None:
                yield chunk


@dataclass(slots=True)
class _Channel:
    streams: set[Stream] = field(default_factory=set)
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)


class SessionStreams:
    """All streams of one worker; belongs to one event loop. Connects when the first one is opened."""

    def __init__(
        self, client: redis.asyncio.Redis, keys: Keys, current: Current, max_streams: int, check: Check
    ) -> None:
        self._client = client
        self._check = check
        self._keys = keys
        self._current = current
        self._max_streams = max_streams
        self._channels: dict[str, _Channel] = {}
        self._pubsub: PubSub | None = None
        self._subscribing = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        return sum(len(channel.streams) for channel in self._channels.values())

    @property
    def full(self) -> bool:
        """Whether no more streams may be opened."""
        return self._closing or len(self) >= self._max_streams

    @contextmanager
    def opened(self, session_id: str) -> Iterator[Stream]:
        """A stream that is open for the length of the block."""
        stream, name = Stream(session_id), self._keys.session_list(session_id)
        self._channels.setdefault(name, _Channel()).streams.add(stream)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        try:
            yield stream
        finally:
            self._channels[name].streams.discard(stream)
            if not self._channels[name].streams:
                del self._channels[name]
                task = asyncio.create_task(self._unsubscribe(name))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

    async def begin(self, stream: Stream) -> None:
        """Subscribe, then offer the current state, in this order: no push in between is lost."""
        name = self._keys.session_list(stream.session_id)
        channel = self._channels[name]
        if not channel.confirmed.is_set():
            await self._subscribe(name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(channel.confirmed.wait(), _CONFIRM_SECONDS)
        await self._catch_up(stream)

    def close(self) -> None:
        """End all streams. May be called from the event loop at any time."""
        self._closing = True
        for channel in self._channels.values():
            for stream in channel.streams:
                stream.close()

    async def stop(self) -> None:
        self.close()
        tasks = [task for task in (self._listener, *self._leaving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pubsub is not None:
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()

    async def _listen(self) -> None:
        """Receive published messages for as long as the worker runs."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._closing:
            try:
                await self._resubscribe()
                pause = _FIRST_PAUSE_SECONDS
                await self._receive()
            except UNREACHABLE as error:
                self._check.record_failure(describe(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    async def _resubscribe(self) -> None:
        """Subscribe to the channels of all streams on a new connection, then bring the streams up to date."""
        async with self._subscribing:
            if self._pubsub is not None:
                await self._pubsub.aclose()  # type: ignore[no-untyped-call]
            self._pubsub = self._client.pubsub()
            # A channel of no session keeps the subscription alive while there are no streams.
            await self._pubsub.subscribe(self._keys.session_list(""), *self._channels)
        self._check.record_success()
        for channel in list(self._channels.values()):
            for stream in list(channel.streams):
                await self._catch_up(stream)

    async def _receive(self) -> None:
        assert self._pubsub is not None
        no_progress = False
        while True:
            message = await self._pubsub.get_message(timeout=_IDLE_SECONDS)
            if message is None:
                if no_progress:
                    raise TimeoutError("Redis does not answer")
                await self._pubsub.ping()
                no_progress = True
                continue
            no_progress = False
            name = (message["channel"] or b"").decode()
            channel = self._channels.get(name)
            if channel is None:
                continue
            if message["type"] == "subscribe":
                channel.confirmed.set()
            elif message["type"] == "message":
                upto, body = decode_message(message["data"])
                for stream in channel.streams:
                    stream.offer(upto, body)

    async def _catch_up(self, stream: Stream) -> None:
        try:
            stream.offer(*await self._current(stream.session_id))
        except Exception:
            log.exception("could not compute the state of a session")

    async def _subscribe(self, name: str) -> None:
        """Subscribe to one more channel. When that fails, the listener fails too and resubscribes to all."""
        async with self._subscribing:
            if self._pubsub is not None and self._pubsub.subscribed and name in self._channels:
                with contextlib.suppress(*UNREACHABLE):
                    await self._pubsub.subscribe(name)

    async def _unsubscribe(self, name: str) -> None:
        async with self._subscribing:
            if self._pubsub is not None and self._pubsub.subscribed and name not in self._channels:
                with contextlib.suppress(*UNREACHABLE):
                    await self._pubsub.unsubscribe(name)
