"""A library that one would pick instead, behind a FastAPI route.

The search runs inside the event loop, without a thread to hand over to: on one core that is the fastest way.
It holds the items of a generation and does what live search does, but for the rescoring; it counts nothing
and cannot swap.
"""

from pathlib import Path
from typing import Annotated, Protocol

from fastapi import FastAPI, HTTPException, Query

from benchmarks.servers.items import Items
from benchmarks.servers.shapes import Recommendations, RecommendedItem
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.types import Floats, Rows


class Peer(Protocol):
    """A library under test. `effort`: ef or nprobe."""

    def set_effort(self, effort: int) -> None:
        """How hard to search: slower, with more recall."""
        ...

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        """The k + 1 best rows, the item itself most likely among them, and their scores."""
        ...


def create_app(generation: Path, peer: Peer) -> FastAPI:
    """The route around it."""
    manifest, items = Manifest.read(generation), Items.of(generation)
    app = FastAPI()

    @app.get("/recommendations", response_model=Recommendations)
    async def recommendations(item_id: str, k: Annotated[int, Query(ge=1, le=100)] = 10) -> Recommendations:
        row = items.rows.get(item_id)
        if row is None:
            raise HTTPException(404, "unknown item")
        rows, scores = peer.search(row, k)
        found = [(r, s) for r, s in zip(rows.tolist(), scores.tolist(), strict=True) if r not in (row, -1)]
        return Recommendations(
            item_id=item_id,
            generation=manifest.id,
            source="live",
            items=[
                RecommendedItem(item_id=items.ids[r], score=round(s, 4), title=items.titles[items.ids[r]])
                for r, s in found[:k]
            ],
        )

    return app
