"""hybrid-recs itself, with or without counting requests."""

from collections import deque

from starlette.types import ASGIApp

from hybrid_recs.cache.keys import Keys
from hybrid_recs.online.app import create_app
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.request_recorder import RequestRecorder
from hybrid_recs.types import Outcome, Source


class NullRecorder(RequestRecorder):
    """Discards every request."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self.count_item = self.count_miss
        self.record_hit = deque[float](maxlen=0).append

    def record(self, generation: str, source: Source, outcome: Outcome, seconds: float) -> None:
        pass

    def count_miss(self, item_id: str) -> None:
        pass


def app(settings: Settings, counting: bool) -> ASGIApp:
    """The application that `hybrid-recs serve` runs."""
    return create_app(settings) if counting else create_app(settings, NullRecorder)
