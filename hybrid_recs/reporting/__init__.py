"""The hit-rate report beyond its counts: gathered, drawn, and written as a page, Markdown or text."""
