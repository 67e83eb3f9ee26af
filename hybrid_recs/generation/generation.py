"""One generation, opened read-only: everything a request needs except the cache."""

from dataclasses import dataclass, field
from pathlib import Path

from hybrid_recs.errors import CorruptGenerationError
from hybrid_recs.generation.arrays import open_array
from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.generation.content_encoder import ContentEncoder
from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.manifest import Manifest
from hybrid_recs.generation.neighbour_lists import NeighbourLists
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.generation.table_values import TableValues
from hybrid_recs.generation.trend import Trend
from hybrid_recs.generation.vector_index import FaissIndex

INDEX_FILE = "index.faiss"
VECTORS_FILE = "vectors.npy"
BOOSTS_FILE = "tilt.npy"


@dataclass(frozen=True, slots=True)
class Generation:
    """Memory-mapped artefacts of one rebuild; they carry one id and are never mixed with another's.

    content: gives items that are not in the catalogue a vector; None when the items have no useful metadata.
    """

    id: str
    manifest: Manifest
    catalogue: Catalogue
    index: FaissIndex
    scorer: Scorer
    hot: NeighbourLists
    content: ContentEncoder | None = None
    table: TableValues = field(default_factory=TableValues)

    @classmethod
    def open(cls, folder: Path, manifest: Manifest | None = None) -> "Generation":
        """Map a generation; raises CorruptGenerationError when its parts do not fit together.

        A build that is not sealed yet has no manifest on disk and is opened with the one in memory.
        """
        manifest = manifest or Manifest.read(folder)
        _check_sizes(folder, manifest)
        generation = cls(
            id=manifest.id,
            manifest=manifest,
            catalogue=Catalogue(folder, manifest.dataset.ids),
            index=FaissIndex(folder / INDEX_FILE, manifest.index.search),
            scorer=Scorer(
                vectors=open_array(folder / VECTORS_FILE),
                boosts=open_array(folder / BOOSTS_FILE),
                covisits=CoVisits.open(folder),
                covisit_weight=manifest.scoring.covisit_weight,
                trend=Trend.open(folder),
            ),
            hot=NeighbourLists.open(folder),
            content=ContentEncoder.open(folder) if manifest.content else None,
            table=TableValues.open(folder),
        )
        generation._check(folder)
        return generation

    def has_interactions(self, row: int) -> bool:
        """Whether the row's vector was learned from interactions."""
        return row < self.manifest.learned

    def has_vector(self, row: int) -> bool:
        """Whether the row has a vector, from interactions or from its metadata."""
        return row < self.manifest.vectors

    def lists(self, item_id: str) -> bool:
        """Whether the items table lets an item be recommended; one that it does not know may be."""
        if variant := self.catalogue.variant(item_id):
            return variant.listed
        row = self.catalogue.row(item_id)
        return row is None or self.table.lists(row)

    def _check(self, folder: Path) -> None:
        counted = {
            "items": (len(self.catalogue), self.manifest.items),
            "indexed vectors": (len(self.index), self.manifest.vectors),
            "vectors": (len(self.scorer.vectors), self.manifest.vectors),
            "popularity boosts": (len(self.scorer.boosts), self.manifest.vectors),
            "co-visit lists": (len(self.scorer.covisits), self.manifest.vectors),
            "hot lists": (len(self.hot), self.manifest.hot_items),
        }
        if self.content is not None and self.manifest.content is not None:
            counted["content features"] = (len(self.content), self.manifest.content.features)
            counted["content directions"] = (len(self.content.directions), self.manifest.content.features)
            counted["content dimensions"] = (self.content.dimensions, self.manifest.dimensions)
        for what, (actual, expected) in counted.items():
            if actual != expected:
                raise CorruptGenerationError(f"{folder}: {actual} {what}, the manifest says {expected}")


def _check_sizes(folder: Path, manifest: Manifest) -> None:
    """Before anything is opened: FAISS does not survive every file that was cut short."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != expected.bytes:
            raise CorruptGenerationError(
                f"{path}: missing, or not of the {expected.bytes} bytes it was sealed with"
            )
