"""The rows of `python -m benchmarks.bench`: one module for each kind of question."""
