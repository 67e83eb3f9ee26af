"""Measurements of the whole package against others; no part of the wheel."""
