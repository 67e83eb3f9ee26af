"""An alternative library behind a FastAPI route.

The search runs in the event loop and not in a thread, which is fastest on one core. The service holds the
items of one generation and does what live search does, except the rescoring. It counts nothing and cannot
swap generations.
"""

from pathlib import Path
from typing import Annotated, Protocol

from fastapi import FastAPI, HTTPException, Query

from benchmarks.servers.items import Items
from benchmarks.servers.schemas import Recommendations, RecommendedItem
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.types import Floats, Rows


class Peer(Protocol):
    """A library under test. `effort`: ef or nprobe."""

    def set_effort(self, effort: int) -> None:
        """Set the search effort: higher is slower and has more recall."""
        ...

    def search(self, row: int, k: int) -> tuple[Rows, Floats]:
        """The k + 1 best rows, which usually include the item itself, and their scores."""
        ...


def create_app(generation: Path, peer: Peer) -> FastAPI:
    """A service that answers with the library's neighbours."""
    manifest, items = Manifest.read(generation), Items.load(generation)
    app = FastAPI()

    @app.get("/recommendations", response_model=Recommendations)
    async def recommendations(item_id: str, k: Annotated[int, Query(ge=1, le=100)] = 10) -> Recommendations:
        row = items.rows.get(item_id)
        if row is None:
            raise HTTPException(404, "unknown item")
        rows, scores = peer.search(row, k)
        neighbours = [
            (other, score)
            for other, score in zip(rows.tolist(), scores.tolist(), strict=True)
            if other not in (row, -1)
        ]
        return Recommendations(
            item_id=item_id,
            generation=manifest.id,
            source="live",
            items=[
                RecommendedItem(
                    item_id=items.ids[other], score=round(score, 4), title=items.titles[items.ids[other]]
                )
                for other, score in neighbours[:k]
            ],
        )

    return app
