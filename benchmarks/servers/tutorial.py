"""The service one writes first: FastAPI and pydantic, a GET of a JSON list from Redis per request, and FAISS
in a thread on a miss.

It searches our FAISS index with our effort, and leaves out our rescoring with co-visits: less work.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import redis
import redis.asyncio
from fastapi import FastAPI, HTTPException, Query

from benchmarks.servers.items import Items, queries
from benchmarks.servers.shapes import Recommendations, RecommendedItem
from hybrid_recs.generation.generation import INDEX_FILE, Generation
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.vector_index import FaissIndex, use_one_thread_per_search

Found = list[tuple[str, float]]


def key_of(item_id: str) -> str:
    """Where the list of an item is in Redis."""
    return f"tutorial:{item_id}"


def load_lists(client: redis.Redis, generation: Generation) -> None:
    """The hot lists as JSON: [[item id, score], …], best first."""
    pipeline = client.pipeline(transaction=False)
    name = generation.catalogue.item_id
    for row in generation.hot.rows:
        neighbours = generation.hot.neighbours(int(row))
        assert neighbours is not None
        pairs = zip(neighbours.rows.tolist(), neighbours.scores.tolist(), strict=True)
        pipeline.set(key_of(name(int(row))), json.dumps([[name(r), round(s, 4)] for r, s in pairs]))
    pipeline.execute()


def create_app(generation: Path, redis_url: str) -> FastAPI:
    """The whole service."""
    manifest, items, vectors = Manifest.read(generation), Items.of(generation), queries(generation)
    index = FaissIndex(generation / INDEX_FILE, manifest.index.search)
    use_one_thread_per_search()
    client = redis.asyncio.Redis.from_url(redis_url, decode_responses=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await client.aclose()

    app = FastAPI(lifespan=lifespan)

    def search(row: int, k: int) -> Found:
        rows = index.search(vectors[row], k + 1)
        rows = rows[rows != row][:k]
        scores = vectors[rows] @ vectors[row]
        return [(items.ids[r], round(s, 4)) for r, s in zip(rows.tolist(), scores.tolist(), strict=True)]

    @app.get("/recommendations", response_model=Recommendations)
    async def recommendations(item_id: str, k: Annotated[int, Query(ge=1, le=100)] = 10) -> Recommendations:
        cached = await client.get(key_of(item_id))
        if cached is not None:
            source, found = "cache", json.loads(cached)[:k]
        else:
            row = items.rows.get(item_id)
            if row is None:
                raise HTTPException(404, "unknown item")
            source, found = "live", await asyncio.to_thread(search, row, k)
        return Recommendations(
            item_id=item_id,
            generation=manifest.id,
            source=source,
            items=[
                RecommendedItem(item_id=other, score=score, title=items.titles[other])
                for other, score in found
            ],
        )

    return app
