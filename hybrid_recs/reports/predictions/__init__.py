"""Clicks on impressions: the impression log joined with events. Uses Polars."""
