"""A recommender that serves popular items from a cache and the long tail by live search."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hybrid_recs.api import GenerationStore, Recommender, Settings

__all__ = ["GenerationStore", "Recommender", "Settings", "__version__"]


def __getattr__(name: str) -> Any:
    """Load `api` on first use (PEP 562): `import hybrid_recs` alone loads neither NumPy nor FAISS."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hybrid_recs import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
