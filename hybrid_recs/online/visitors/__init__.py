"""Visitors: event intake, visitor state, session streams, trending items, consumer lag, the impression
log."""
