"""Counting requests, sharing the counts between workers and reading them back. No web framework."""
