"""Applies the event stream: sessions, trending items, the archive. No web framework, no telemetry."""
