"""The offline side: reads data, learns, builds generations. Never imports FastAPI."""
