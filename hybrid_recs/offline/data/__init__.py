"""Reads and cleans a dataset: configuration, sources, splits, the encoded matrix."""
