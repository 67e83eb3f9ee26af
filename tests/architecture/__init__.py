"""Who imports whom in the package, read from the source: what the rules are checked on, and a picture of
it."""
