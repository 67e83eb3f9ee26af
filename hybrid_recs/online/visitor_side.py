"""All that a worker has for visitors' events: the way in, what is known of them, streams, trends, the lag."""

from dataclasses import dataclass

import redis.asyncio

from hybrid_recs.keys import Keys
from hybrid_recs.lag import LAG, Lag, lag_arguments, read_lag
from hybrid_recs.online.intake import Intake
from hybrid_recs.online.shutdown import when_asked_to_end
from hybrid_recs.online.streams import SessionStreams
from hybrid_recs.online.trends import Trends
from hybrid_recs.online.visitors import Visitors
from hybrid_recs.redis_client import UNREACHABLE


@dataclass(frozen=True, slots=True)
class VisitorSide:
    """Parts of one worker; `client` fails fast and is shared by what only reads a little."""

    client: redis.asyncio.Redis
    keys: Keys
    intake: Intake
    visitors: Visitors
    streams: SessionStreams
    trends: Trends
    heartbeat_seconds: float

    async def start(self) -> None:
        """Listen for the end of the service."""
        when_asked_to_end(self.streams.close)

    async def stop(self) -> None:
        """Close every connection."""
        await self.streams.stop()
        await self.intake.close()
        await self.visitors.close()
        await self.client.aclose()

    async def lag(self) -> Lag | None:
        """How far the consumers are behind; None when Redis does not say."""
        try:
            return read_lag(await self.client.eval(LAG, *lag_arguments(self.keys)))
        except UNREACHABLE:
            return None
