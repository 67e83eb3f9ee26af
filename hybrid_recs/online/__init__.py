"""The online side: answers requests. Never imports Polars or the offline side."""
