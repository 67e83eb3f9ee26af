"""Everything a worker holds for the generation it serves; swapped as one reference, so never mixed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hybrid_recs.generation import Generation
from hybrid_recs.online.live_lane import LiveLane
from hybrid_recs.online.local_cache import LocalCache
from hybrid_recs.online.rendering import Renderer
from hybrid_recs.online.rising import Rising
from hybrid_recs.overlay import Overlay
from hybrid_recs.recommender import Recommender


@dataclass(frozen=True, slots=True)
class Serving:
    """One generation in service, with the ladder over it and what was learnt while serving it."""

    generation: Generation
    overlay: Overlay
    recommender: Recommender
    renderer: Renderer
    local: LocalCache
    live: LiveLane
    rising: Rising

    def changed(self, overlay: Overlay) -> "Serving":
        """The same generation with other new and hidden items; what was rendered before is forgotten."""
        recommender = Recommender(self.generation, overlay)
        return replace(
            self,
            overlay=overlay,
            recommender=recommender,
            renderer=Renderer(recommender),
            local=self.local.emptied(),
            live=self.live.over(recommender),
        )


Prepare = Callable[[Generation, Overlay], Serving]
"""How a worker comes to hold a generation."""

OverlayOf = Callable[[Generation], Overlay]
"""What has changed since a generation was built; may read from disk."""
