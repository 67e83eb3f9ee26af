"""The tests: they mirror the package."""

import os

# Test processes share the cores already, and threads that wait for work of a few microseconds burn them:
# a third of all processor time otherwise. Read when NumPy is loaded, so set before anything imports it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
