"""Reads data, learns, builds generations, computes user lists. No web framework, no reports."""
