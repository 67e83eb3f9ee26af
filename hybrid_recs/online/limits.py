"""What the parameters of `GET /recommendations` may be; the route and the fast lane read it here."""

RECOMMENDATIONS = "/recommendations"
LONGEST_ID = 256
DEFAULT_K = 10
MOST_K = 100
MOST_EXCLUDED = 500
