"""What the parameters of recommendations may be; the routes and the fast lane read it here."""

RECOMMENDATIONS = "/recommendations"
LONGEST_ID = 256
LONGEST_TEXT = 10_000
DEFAULT_K = 10
MOST_K = 100
MOST_EXCLUDED = 500
MOST_ITEMS = 100
MOST_CATEGORIES = 50
MOST_QUERIES = 1_000
