"""What hybrid-recs is compared with: real programs that answer the same requests.

ceiling   what the same uvicorn worker can answer at all: bare ASGI, one prepared answer
tutorial  the straightforward service: FastAPI, pydantic, one Redis GET a request, FAISS in a thread on a miss
hnswlib   a popular library for this search, behind a FastAPI route
implicit  its similar_items by its own approximate index, behind a FastAPI route

All run in the uvicorn settings of `hybrid-recs serve`: python -m benchmarks.servers NAME --port PORT …
"""
