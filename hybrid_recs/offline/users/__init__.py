"""Every user's list ahead of time: histories, lists, files, loading into Redis."""
