"""The Python API: what `hybrid_recs` exports, loaded when it is first used.

store = hybrid_recs.GenerationStore(Path("index"))
recommender = hybrid_recs.Recommender(store.open_current())
"""

from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.ranking.recommender import Recommender
from hybrid_recs.settings import Settings

__all__ = ["GenerationStore", "Recommender", "Settings"]
