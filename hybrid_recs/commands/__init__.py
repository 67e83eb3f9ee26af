"""One file per command, with the order of its steps; an edge that may import anything."""
