"""Comparators of hybrid-recs: real programs that answer the same requests.

ceiling   the maximum of the same uvicorn worker: bare ASGI, one prepared response
tutorial  the straightforward service: FastAPI, pydantic, a Redis GET per request, FAISS in a thread on a miss
hnswlib   a popular library for this search, behind a FastAPI route
implicit  implicit's similar_items with its own approximate index, behind a FastAPI route

All run with the uvicorn settings of `hybrid-recs serve`: python -m benchmarks.servers NAME --port PORT …
"""
