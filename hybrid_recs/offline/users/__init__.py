"""Precomputes every user's list: histories, lists, files, loading into Redis."""
