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
from hybrid_recs.online.serving.live_search import LiveSearch
from hybrid_recs.online.serving.response_cache import ResponseCache
from hybrid_recs.online.serving.rising_items import RisingItems
from hybrid_recs.ranking.item_pool import ItemPool
from hybrid_recs.ranking.json_renderer import JsonRenderer
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.types import Outcome, Source

_CACHE, _HIT = Source.CACHE, Outcome.HIT
_WARM_UP_SEARCHES = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation and overlay in service, with the state that serving them builds up.

    items: the recommender's, here because most requests need nothing else of it.
    """

    generation: Generation
    overlay: Overlay
    recommender: Recommender
    items: ItemPool
    renderer: JsonRenderer
    responses: ResponseCache
    live: LiveSearch
    rising: RisingItems

    def with_overlay(self, overlay: Overlay) -> "Snapshot":
        """The same generation and rising items with other item changes and an empty response cache."""
        recommender = Recommender(self.generation, overlay)
        return replace(
            self,
            overlay=overlay,
            recommender=recommender,
            items=recommender.items,
            renderer=JsonRenderer(recommender),
            responses=self.responses.empty_copy(),
            live=self.live.with_recommender(recommender),
        )

    def body_of_list(self, item_id: str, k: int, encoded: bytes) -> bytes | None:
        """The body of an answer that is the first k of a cached list; None where the fallback chain decides.

        A short cut for nearly every request for a hot item that is not in the response cache: it skips the
        arrays of the chain, whose answer is the same (test_answers_are_the_same_both_ways).
        """
        if self.overlay.new.ids:
            return None
        head = decode_head(encoded, k)
        if head is None or max(head[0]) >= len(self.generation.catalogue):
            return None
        if not self.overlay.hidden.isdisjoint(head[0]):
            return None
        return self.renderer.item_body_of(item_id, _CACHE, _HIT, *head)

    def hot_requests(self, requests: Counter[str]) -> int:
        """How many of the requests, by item id, were for hot items."""
        row_of, is_hot = self.generation.catalogue.row, self.recommender.is_hot
        rows = ((row_of(item_id), count) for item_id, count in requests.items())
        return sum(count for row, count in rows if row is not None and is_hot(row))

    def rows(self, item_ids: Sequence[str]) -> frozenset[int]:
        return frozenset(self.items.rows(item_ids))


@dataclass(frozen=True, slots=True)
class SnapshotFactory:
    """Makes the snapshot of a loaded generation. threads: for searches."""

    keys: Keys
    threads: Executor
    local_cache_bytes: int
    rising_max_items: int
    rising_ttl_seconds: int

    def create(self, generation: Generation, overlay: Overlay) -> Snapshot:
        """A snapshot with empty caches."""
        recommender = Recommender(generation, overlay)
        # Lists of rising items are shared by workers, whose overlays differ for a moment: they have none.
        without_overlay = Recommender(generation)
        return Snapshot(
            generation,
            overlay,
            recommender,
            recommender.items,
            JsonRenderer(recommender),
            ResponseCache(self.local_cache_bytes),
            LiveSearch(recommender, self.threads),
            RisingItems(without_overlay, self.keys, self.rising_max_items, self.rising_ttl_seconds),
        )


def open_and_warm(store: GenerationStore, generation_id: str) -> Generation:
    """Open a generation and read what the first requests need into memory; for a thread of its own."""
    use_one_thread_per_search()
    generation = store.open(generation_id)
    recommender = Recommender(generation)
    for row in range(min(_WARM_UP_SEARCHES, generation.manifest.vectors)):
        recommender.live_neighbours(ItemQuery(row, 10))
    return generation
