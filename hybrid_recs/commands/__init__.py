"""An edge: one file per command, holding the order of its steps; cli.py lists them."""
