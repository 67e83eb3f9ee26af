"""What requests may be: bounds of parameters, which of them write, how long their bodies are."""

RECOMMENDATIONS = "/recommendations"
LONGEST_ID = 256
LONGEST_TEXT = 10_000
DEFAULT_K = 10
MOST_K = 100
MOST_EXCLUDED = 500
MOST_ITEMS = 100
MOST_CATEGORIES = 50
MOST_QUERIES = 1_000
MOST_DIMENSIONS = 1_024

# Not writing, though their questions are long enough to need a body.
READING_POSTS = frozenset({RECOMMENDATIONS, f"{RECOMMENDATIONS}/batch"})
