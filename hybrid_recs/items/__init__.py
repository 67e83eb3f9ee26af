"""Item edits between rebuilds (SQLite) and the overlay they make over a generation."""
