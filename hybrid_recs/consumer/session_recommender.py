"""Recommends to sessions from the generation that serves, and follows when another is published."""

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer

log = logging.getLogger(__name__)

MAX_ITEMS = 100
_RETRY_SECONDS = 10.0


OverlayOf = Callable[[Generation], Overlay]


def no_overlay(_: Generation) -> Overlay:
    """Where items never change between rebuilds."""
    return Overlay()


class SessionRecommender:
    """The one place where a consumer asks for recommendations.

    overlay_of: what has changed since a generation was built; asked for once a poll interval.
    """

    def __init__(
        self,
        store: GenerationStore,
        poll_seconds: float,
        overlay_of: OverlayOf,
    ) -> None:
        self.recommender: Recommender | None = None
        self._store = store
        self._poll_seconds = poll_seconds
        self._overlay_of = overlay_of
        self._look_again = float("-inf")

    def follow(self) -> None:
        """Take what is published and has changed by now, once a poll interval; what cannot be opened leaves
        the generation before in use."""
        now = time.monotonic()
        if now < self._look_again:
            return
        self._look_again = now + self._poll_seconds
        serving = self.recommender.generation if self.recommender else None
        wanted = self._store.current()
        if wanted is not None and (serving is None or serving.id != wanted):
            try:
                serving = self._store.open(wanted)
                log.info("recommending from generation %s", wanted)
            except (HybridRecsError, OSError, ValueError) as error:
                self._look_again = now + _RETRY_SECONDS
                log.error("generation %s cannot be opened: %s", wanted, error)
        if serving is not None:
            self._take(serving)

    def recommend(self, histories: Sequence[Sequence[str]]) -> list[Answer]:
        """What each session will want next; item ids oldest first. Unknown items are passed over."""
        recommender = self.recommender
        assert recommender is not None
        rows = (np.array(recommender.items.rows(items), np.int64) for items in histories)
        return [recommender.answer_session(some, MAX_ITEMS) for some in rows]

    def _take(self, generation: Generation) -> None:
        overlay, now = self._overlay_of(generation), self.recommender
        if now is None or now.generation is not generation or now.items.overlay.version != overlay.version:
            self.recommender = Recommender(generation, overlay)
