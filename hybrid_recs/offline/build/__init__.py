"""Writes a generation: index, hot set, hot lists, and the gate before it is published."""
