"""An edge: the made-up shop and the walk through it. Not needed to serve."""
