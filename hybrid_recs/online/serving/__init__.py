"""Answers one request from one generation: snapshot, caches, live search, rising items."""
