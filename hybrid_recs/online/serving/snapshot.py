"""Everything a worker holds for the generation it serves; swapped as one reference, so never mixed."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.neighbour_codec import decode_head
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.items.overlay import Overlay
from hybrid_recs.online.serving.json_renderer import JsonRenderer
from hybrid_recs.online.serving.live_search import LiveSearch
from hybrid_recs.online.serving.response_cache import ResponseCache
from hybrid_recs.online.serving.rising_items import RisingItems
from hybrid_recs.ranking.item_pool import ItemPool
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Outcome, Source

_CACHE, _HIT = Source.CACHE, Outcome.HIT  # Python 3.11 looks a member up by a call of its own


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation in service, with the ladder over it and what was learnt while serving it."""

    generation: Generation
    overlay: Overlay
    recommender: Recommender
    items: ItemPool
    renderer: JsonRenderer
    local: ResponseCache
    live: LiveSearch
    rising: RisingItems

    def changed(self, overlay: Overlay) -> "Snapshot":
        """The same generation with other new and hidden items; what was rendered before is forgotten."""
        recommender = Recommender(self.generation, overlay)
        return replace(
            self,
            overlay=overlay,
            recommender=recommender,
            items=recommender.items,
            renderer=JsonRenderer(recommender),
            local=self.local.emptied(),
            live=self.live.over(recommender),
        )

    def head(self, item_id: str, k: int, encoded: bytes) -> bytes | None:
        """The answer that is simply the first k of a cached list, rendered; None where the ladder must say.

        The short way for nearly every hot request: the ladder says the same, which a test holds.
        """
        if self.overlay.new.ids:
            return None
        head = decode_head(encoded, k)
        if head is None or max(head[0]) >= len(self.generation.catalogue):
            return None
        if not self.overlay.hidden.isdisjoint(head[0]):
            return None
        return self.renderer.body_of(item_id, _CACHE, _HIT, *head)

    def hot_requests(self, asked: Counter[str]) -> int:
        """How many of the requests asked for hot items; asked: requests by item."""
        row, is_hot = self.generation.catalogue.row, self.recommender.is_hot
        return sum(n for item_id, n in asked.items() if (at := row(item_id)) is not None and is_hot(at))

    def rows(self, item_ids: Sequence[str]) -> frozenset[int]:
        """The rows of those that are known."""
        return frozenset(self.items.rows(item_ids))


@dataclass(frozen=True, slots=True)
class SnapshotFactory:
    """Makes the snapshot of a generation that was loaded. threads: for searches."""

    keys: Keys
    threads: Executor
    local_cache_bytes: int
    rising_max_items: int
    rising_ttl_seconds: int

    def create(self, generation: Generation, overlay: Overlay) -> Snapshot:
        """A snapshot with empty caches."""
        recommender = Recommender(generation, overlay)
        return Snapshot(
            generation,
            overlay,
            recommender,
            recommender.items,
            JsonRenderer(recommender),
            ResponseCache(self.local_cache_bytes),
            LiveSearch(recommender, self.threads),
            RisingItems(Recommender(generation), self.keys, self.rising_max_items, self.rising_ttl_seconds),
        )


def open_and_warm(store: GenerationStore, wanted: str) -> Generation:
    """Open a generation and touch what the first requests will need; for a thread of its own."""
    use_one_thread_per_search()
    generation = store.open(wanted)
    recommender = Recommender(generation)
    for row in range(min(3, generation.manifest.vectors)):
        recommender.live(ItemQuery(row, 10))
    return generation
