"""What requests may be: bounds of parameters, which of them write, how long their bodies are."""

RECOMMENDATIONS = "/recommendations"
MAX_TEXT_LENGTH = 10_000
DEFAULT_K = 10
MAX_K = 100
MAX_EXCLUDED = 500
MAX_ITEMS = 100
MAX_CATEGORIES = 50
MAX_QUERIES = 1_000
MAX_DIMENSIONS = 1_024

# Not writing, though their questions are long enough to need a body.
READING_POSTS = frozenset({RECOMMENDATIONS, f"{RECOMMENDATIONS}/batch"})
