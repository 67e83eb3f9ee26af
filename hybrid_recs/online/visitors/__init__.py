"""Visitors: event intake, session state, streams, trending items, the impression log."""
