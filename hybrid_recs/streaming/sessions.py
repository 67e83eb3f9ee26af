"""Recommends to sessions from the generation that serves, and follows when another is published."""

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.generation import Generation
from hybrid_recs.generations import GenerationStore
from hybrid_recs.recommender import Recommender
from hybrid_recs.types import Answer

log = logging.getLogger(__name__)

MOST_ITEMS = 100
_RETRY_SECONDS = 10.0


class SessionRecommender:
    """The one place where a consumer asks for recommendations.

    overlay_version: of the item changes that `recommender_of` takes into account.
    """

    def __init__(
        self,
        store: GenerationStore,
        poll_seconds: float,
        recommender_of: Callable[[Generation], Recommender] = Recommender,
    ) -> None:
        self.overlay_version = 0
        self._store = store
        self._poll_seconds = poll_seconds
        self._recommender_of = recommender_of
        self._recommender: Recommender | None = None
        self._look_again = float("-inf")

    @property
    def generation(self) -> Generation | None:
        """What is recommended from; None before anything is published."""
        return self._recommender.generation if self._recommender else None

    def follow(self) -> None:
        """Open what is published now, once a poll interval; what cannot be opened leaves the one before."""
        now = time.monotonic()
        if now < self._look_again:
            return
        self._look_again = now + self._poll_seconds
        wanted = self._store.current()
        if wanted is None or (self.generation and self.generation.id == wanted):
            return
        try:
            self._recommender = self._recommender_of(Generation.open(self._store.path(wanted)))
            log.info("recommending from generation %s", wanted)
        except (HybridRecsError, OSError, ValueError) as error:
            self._look_again = now + _RETRY_SECONDS
            log.error("generation %s cannot be opened: %s", wanted, error)

    def recommend(self, histories: Sequence[Sequence[str]]) -> list[Answer]:
        """What each session will want next; item ids oldest first. Unknown items are passed over."""
        recommender = self._recommender
        assert recommender is not None
        row = recommender.generation.catalogue.row
        answers = []
        for items in histories:
            rows = [found for found in map(row, items) if found is not None]
            answers.append(recommender.after_session(np.array(rows, np.int64), MOST_ITEMS))
        return answers
