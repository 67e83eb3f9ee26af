"""What one rebuild made, opened read-only: NumPy and FAISS over mapped files. No Redis, web or Polars."""
