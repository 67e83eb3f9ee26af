"""Learns from the encoded matrix: vectors, co-visits, trend, content encoder, their parameters."""
