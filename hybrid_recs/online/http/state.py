"""The state that route handlers work with, and the dependency that passes it to them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from hybrid_recs.generation.generation import Generation
from hybrid_recs.items.change_feed import ChangeFeed
from hybrid_recs.online.http.page_files import PageFiles
from hybrid_recs.online.serving.generation_watcher import GenerationWatcher
from hybrid_recs.online.serving.hit_rate_reader import HitRateReader
from hybrid_recs.online.serving.item_query_service import ItemQueryService
from hybrid_recs.online.serving.maintenance import Maintenance
from hybrid_recs.online.serving.query_service import QueryService
from hybrid_recs.online.visitors.consumer_lag_reader import ConsumerLagReader
from hybrid_recs.online.visitors.event_intake import EventIntake
from hybrid_recs.online.visitors.session_streams import SessionStreams
from hybrid_recs.online.visitors.trending_reader import TrendingReader


@dataclass(frozen=True, slots=True)
class AppState:
    """What the handlers of one worker need."""

    items: ItemQueryService
    queries: QueryService
    watcher: GenerationWatcher
    maintenance: Maintenance
    feed: ChangeFeed
    intake: EventIntake
    streams: SessionStreams
    trending: TrendingReader
    consumer_lag: ConsumerLagReader
    hit_rates: HitRateReader
    page: PageFiles
    heartbeat_seconds: float

    def require_generation(self) -> Generation:
        """The serving generation; raises NoGenerationError before one is loaded."""
        return self.items.require_snapshot().generation


def attach(app: FastAPI, state: AppState) -> None:
    """Make `state` the state of the handlers of `app`."""
    app.state.handlers = state


async def _state_of(request: Request) -> AppState:
    # A coroutine, because FastAPI runs plain functions in a thread.
    state: AppState = request.app.state.handlers
    return state


State = Annotated[AppState, Depends(_state_of)]
"""The type of a handler's first parameter."""
