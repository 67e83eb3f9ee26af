"""Answers HTTP requests. Never imports Polars, offline/, reports/ or consumer/."""
