"""Limits of requests: bounds of parameters, and the POST requests that do not write."""

RECOMMENDATIONS = "/recommendations"
MAX_TEXT_LENGTH = 10_000
DEFAULT_K = 10
MAX_K = 100
MAX_EXCLUDED = 500
MAX_ITEMS = 100
MAX_CATEGORIES = 50
MAX_QUERIES = 1_000
MAX_DIMENSIONS = 1_024

# Queries that are too long for a URL; they read only.
READING_POSTS = frozenset({RECOMMENDATIONS, f"{RECOMMENDATIONS}/batch"})
