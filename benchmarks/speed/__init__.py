"""The benchmarks of `python -m benchmarks.bench`, one module per subject."""
