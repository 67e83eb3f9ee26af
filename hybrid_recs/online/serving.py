"""Everything a worker holds for the generation it serves; swapped as one reference, so never mixed."""

from collections.abc import Callable
from dataclasses import dataclass

from hybrid_recs.generation import Generation
from hybrid_recs.online.live_lane import LiveLane
from hybrid_recs.online.local_cache import LocalCache
from hybrid_recs.online.rendering import Renderer
from hybrid_recs.online.rising import Rising
from hybrid_recs.recommender import Recommender


@dataclass(frozen=True, slots=True)
class Serving:
    """One generation in service, with the ladder over it and what was learnt while serving it.

    row: the catalogue's own, which remembers what it found.
    """

    generation: Generation
    row: Callable[[str], int | None]
    recommender: Recommender
    renderer: Renderer
    local: LocalCache
    live: LiveLane
    rising: Rising


Prepare = Callable[[Generation], Serving]
