"""What a worker starts and stops for visitors' events."""

import asyncio
from dataclasses import dataclass, field

import redis.asyncio

from hybrid_recs.online.visitors.event_intake import EventIntake
from hybrid_recs.online.visitors.impression_log import ImpressionLog
from hybrid_recs.online.visitors.session_streams import SessionStreams
from hybrid_recs.online.visitors.shutdown import on_stop_signal
from hybrid_recs.online.visitors.state_reader import VisitorStateReader


@dataclass(frozen=True, slots=True)
class VisitorComponents:
    """Parts of one worker; `client` fails fast and is shared by the parts that only read a little."""

    client: redis.asyncio.Redis
    intake: EventIntake
    visitors: VisitorStateReader
    streams: SessionStreams
    impressions: ImpressionLog
    flush_seconds: float
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Close streams on a stop signal, and begin to write the impression log."""
        on_stop_signal(self.streams.close)
        self.tasks.append(asyncio.create_task(self._write_impressions()))

    async def stop(self) -> None:
        """Write the rest of the impression log and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.impressions.flush(self.client)
        await self.streams.stop()
        await self.intake.close()
        await self.visitors.close()
        await self.client.aclose()

    async def _write_impressions(self) -> None:
        while True:
            await asyncio.sleep(self.flush_seconds)
            await self.impressions.flush(self.client)
