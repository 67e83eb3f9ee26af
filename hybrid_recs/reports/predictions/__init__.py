"""What came of the recommendations served: the impression log joined with events. Uses Polars."""
