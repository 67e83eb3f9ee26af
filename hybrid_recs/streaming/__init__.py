"""Applies the stream of events: counts, pushes, popularity and the archive. Never imports FastAPI."""
