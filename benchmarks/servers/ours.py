"""Our own service, with or without counting."""

from collections import deque

from starlette.types import ASGIApp

from hybrid_recs.cache.keys import Keys
from hybrid_recs.online.app import create_app
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.request_recorder import RequestRecorder
from hybrid_recs.types import Outcome, Source


class NoStats(RequestRecorder):
    """Takes nothing down."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self.asked = self.missed
        self.hit = deque[float](maxlen=0).append

    def record(self, generation: str, source: Source, outcome: Outcome, seconds: float) -> None:
        """Nothing."""

    def missed(self, item_id: str) -> None:
        """Nothing."""


def app(settings: Settings, accounting: bool) -> ASGIApp:
    """The application that `hybrid-recs serve` runs."""
    return create_app(settings) if accounting else create_app(settings, NoStats)
