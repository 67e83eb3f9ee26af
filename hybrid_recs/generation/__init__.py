"""The artefacts of one rebuild, opened read-only: NumPy and FAISS over memory-mapped files."""
