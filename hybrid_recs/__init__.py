"""A recommender that serves popular items from a cache and the long tail by live search."""

__version__ = "0.1.0"
