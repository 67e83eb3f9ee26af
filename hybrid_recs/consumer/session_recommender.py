"""Recommends to sessions from the published generation, and switches when another is published."""

import logging
import time
from collections.abc import Sequence

import numpy as np

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.items.overlay import Overlay, OverlayOf
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.types import Answer

log = logging.getLogger(__name__)

LIST_LENGTH = 100
_RETRY_SECONDS = 10.0


def no_overlay(_: Generation) -> Overlay:
    """For consumers without item changes."""
    return Overlay()


class SessionRecommender:
    """The recommender of one consumer; `overlay_of` is called once per poll interval."""

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
        self._next_look = float("-inf")

    def follow(self) -> None:
        """Switch to the published generation and the current overlay, once per poll interval; the generation
        before stays in use if the published one cannot be opened."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + self._poll_seconds
        serving = self.recommender.generation if self.recommender else None
        published = self._store.current()
        if published is not None and (serving is None or serving.id != published):
            try:
                serving = self._store.open(published)
                log.info("recommending from generation %s", published)
            except (HybridRecsError, OSError, ValueError) as error:
                self._next_look = now + _RETRY_SECONDS
                log.error("generation %s cannot be opened: %s", published, error)
        if serving is not None:
            self._use(serving)

    def recommend(self, histories: Sequence[Sequence[str]]) -> list[Answer]:
        """The list of each session; item ids oldest first. Unknown items are ignored."""
        recommender = self.recommender
        assert recommender is not None
        rows_of = recommender.items.rows
        return [
            recommender.answer_session(np.array(rows_of(items), np.int64), LIST_LENGTH) for items in histories
        ]

    def _use(self, generation: Generation) -> None:
        overlay, current = self._overlay_of(generation), self.recommender
        if (
            current is None
            or current.generation is not generation
            or current.items.overlay.version != overlay.version
        ):
            self.recommender = Recommender(generation, overlay)
