"""Shows what was understood of a dataset before anything is learned from it."""
