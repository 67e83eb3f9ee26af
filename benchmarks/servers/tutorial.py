"""The straightforward service, as in a tutorial.

FastAPI and pydantic, a GET of a JSON list from Redis per request, and FAISS in a thread on a miss. It
searches our FAISS index with our search effort, and does less work: it does not rescore with co-visits.
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

from benchmarks.servers.items import Items, query_vectors
from benchmarks.servers.schemas import Recommendations, RecommendedItem
from hybrid_recs.generation.generation import INDEX_FILE, Generation
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.vector_index import FaissIndex, use_one_thread_per_search

ScoredItems = list[tuple[str, float]]


def key_of(item_id: str) -> str:
    """Redis key of an item's list."""
    return f"tutorial:{item_id}"


def load_lists(client: redis.Redis, generation: Generation) -> None:
    """Store the hot lists as JSON: [[item id, score], …], best first."""
    pipeline = client.pipeline(transaction=False)
    item_id = generation.catalogue.item_id
    for row in generation.hot.rows:
        neighbours = generation.hot.neighbours(int(row))
        assert neighbours is not None
        pairs = zip(neighbours.rows.tolist(), neighbours.scores.tolist(), strict=True)
        items = [[item_id(other), round(score, 4)] for other, score in pairs]
        pipeline.set(key_of(item_id(int(row))), json.dumps(items))
    pipeline.execute()


def create_app(generation: Path, redis_url: str) -> FastAPI:
    manifest, items, vectors = Manifest.read(generation), Items.load(generation), query_vectors(generation)
    index = FaissIndex(generation / INDEX_FILE, manifest.index.search)
    use_one_thread_per_search()
    client = redis.asyncio.Redis.from_url(redis_url, decode_responses=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await client.aclose()

    app = FastAPI(lifespan=lifespan)

    def search(row: int, k: int) -> ScoredItems:
        rows = index.search(vectors[row], k + 1)
        rows = rows[rows != row][:k]
        scores = vectors[rows] @ vectors[row]
        return [(items.ids[r], round(s, 4)) for r, s in zip(rows.tolist(), scores.tolist(), strict=True)]

    @app.get("/recommendations", response_model=Recommendations)
    async def recommendations(item_id: str, k: Annotated[int, Query(ge=1, le=100)] = 10) -> Recommendations:
        cached = await client.get(key_of(item_id))
        if cached is not None:
            source, neighbours = "cache", json.loads(cached)[:k]
        else:
            row = items.rows.get(item_id)
            if row is None:
                raise HTTPException(404, "unknown item")
            source, neighbours = "live", await asyncio.to_thread(search, row, k)
        return Recommendations(
            item_id=item_id,
            generation=manifest.id,
            source=source,
            items=[
                RecommendedItem(item_id=other, score=score, title=items.titles[other])
                for other, score in neighbours
            ],
        )

    return app
