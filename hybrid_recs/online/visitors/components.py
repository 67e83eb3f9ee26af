"""All that a worker has for visitors' events: the way in, what is known of them, streams, trends, the lag."""

import asyncio
from dataclasses import dataclass, field

import redis.asyncio

from hybrid_recs.cache.client import UNREACHABLE
from hybrid_recs.cache.keys import Keys
from hybrid_recs.online.visitors.event_intake import EventIntake
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.online.visitors.session_streams import SessionStreams
from hybrid_recs.online.visitors.shutdown import when_asked_to_end
from hybrid_recs.online.visitors.state_reader import VisitorStateReader
from hybrid_recs.online.visitors.trending_reader import TrendingReader
from hybrid_recs.telemetry.consumer_lag import LAG, ConsumerLag, lag_arguments, read_lag


@dataclass(frozen=True, slots=True)
class VisitorComponents:
    """Parts of one worker; `client` fails fast and is shared by what only reads a little."""

    client: redis.asyncio.Redis
    keys: Keys
    intake: EventIntake
    visitors: VisitorStateReader
    streams: SessionStreams
    trends: TrendingReader
    predictions: ImpressionLog
    heartbeat_seconds: float
    flush_seconds: float
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Listen for the end of the service, and begin to write the log."""
        when_asked_to_end(self.streams.close)
        self.tasks.append(asyncio.create_task(self._keep_log()))

    async def stop(self) -> None:
        """Write what is left of the log and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.predictions.flush(self.client)
        await self.streams.stop()
        await self.intake.close()
        await self.visitors.close()
        await self.client.aclose()

    async def _keep_log(self) -> None:
        while True:
            await asyncio.sleep(self.flush_seconds)
            await self.predictions.flush(self.client)

    async def lag(self) -> ConsumerLag | None:
        """How far the consumers are behind; None when Redis does not say."""
        try:
            return read_lag(await self.client.eval(LAG, *lag_arguments(self.keys)))
        except UNREACHABLE:
            return None
