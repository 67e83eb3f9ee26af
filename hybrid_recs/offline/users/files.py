"""Users' lists on disk: the Parquet files of a generation, in a folder that is replaced atomically."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from hybrid_recs.cache.user_list_codec import StoredUserList
from hybrid_recs.errors import RebuildInProgressError
from hybrid_recs.generation.catalogue import Catalogue
from hybrid_recs.generation.durable_files import locked, sync
from hybrid_recs.types import Neighbours, Rows

_SCHEMA = {
    "user": pl.String(),
    "items": pl.List(pl.String()),
    "scores": pl.List(pl.Float32()),
    "history": pl.List(pl.String()),
    "generation": pl.String(),
    "made": pl.Datetime("us", "UTC"),
}
_UNFINISHED, _REPLACED = ".unfinished-", ".replaced-"


class UserListFiles:
    """`<root>/<generation>/part-*.parquet`: user, items and scores (best first), history (the latest items
    that the list was made from, oldest first), generation and made (time)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def writing(self, generation: str, catalogue: Catalogue) -> Iterator["PartWriter"]:
        """Write all parts of a generation; they replace its earlier lists when the block ends without error.

        Raises RebuildInProgressError while another process writes.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._clean()
            staged = self.root / f"{_UNFINISHED}{generation}"
            staged.mkdir()
            try:
                yield PartWriter(staged, generation, catalogue)
                self._replace(staged, self.root / generation)
            finally:
                self._clean()

    def generations(self) -> list[str]:
        """The generations that have lists, oldest first."""
        return sorted(path.name for path in self.root.glob("[!.]*") if path.is_dir())

    def remove(self, generation: str) -> None:
        """Renamed first, so that no reader sees half of the lists."""
        hidden = self.root / f"{_REPLACED}{generation}"
        (self.root / generation).rename(hidden)
        shutil.rmtree(hidden)

    def parts(self, generation: str) -> list[Path]:
        """The files of a generation, in the order they were written: the most recently active users first."""
        return sorted((self.root / generation).glob("part-*.parquet"))

    def read(self, generation: str) -> pl.DataFrame:
        paths = self.parts(generation)
        return pl.read_parquet(paths) if paths else pl.DataFrame(schema=_SCHEMA)

    def users(self, generation: str) -> list[str]:
        return self.read(generation)["user"].to_list()

    def read_stored(
        self, generation: str, catalogue: Catalogue
    ) -> Iterator[tuple[list[str], list[StoredUserList]]]:
        """Users and their lists, in the rows of the generation's catalogue, part by part."""
        ids = _ids(catalogue)
        row_of = pl.DataFrame({"item": ids}).with_row_index("row")
        for path in self.parts(generation):
            part = pl.read_parquet(path)
            items, histories = _rows(part["items"], row_of), _rows(part["history"], row_of)
            lists = zip(items, part["scores"], histories, part["made"], strict=True)
            yield (
                part["user"].to_list(),
                [
                    StoredUserList(Neighbours(rows, scores.to_numpy()), history, int(made.timestamp()))
                    for rows, scores, history, made in lists
                ],
            )

    def _replace(self, staged: Path, folder: Path) -> None:
        sync(staged)
        if folder.exists():
            folder.rename(self.root / f"{_REPLACED}{folder.name}")
        staged.rename(folder)
        sync(self.root)

    def _clean(self) -> None:
        """Remove unfinished files of this or a killed job, and restore lists that it had moved aside."""
        for aside in self.root.glob(f"{_REPLACED}*"):
            folder = self.root / aside.name.removeprefix(_REPLACED)
            if folder.exists():
                shutil.rmtree(aside)
            else:
                aside.rename(folder)
        for staged in self.root.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(staged)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        busy = f"{self.root}: another recommend-users is running; wait until it ends"
        with locked(self.root, RebuildInProgressError(busy)):
            yield


class PartWriter:
    """Writes part after part into a folder that is not read yet."""

    def __init__(self, folder: Path, generation: str, catalogue: Catalogue) -> None:
        self._folder = folder
        self._generation = generation
        self._ids = _ids(catalogue)
        self._written = 0

    def write(self, users: Sequence[str], lists: Sequence[StoredUserList]) -> None:
        """Write one more part and sync it to disk."""
        frame = pl.DataFrame(
            {
                "user": list(users),
                "items": [self._ids.gather(stored.neighbours.rows) for stored in lists],
                "scores": [pl.Series(stored.neighbours.scores) for stored in lists],
                "history": [self._ids.gather(stored.history) for stored in lists],
                "generation": [self._generation] * len(users),
                "made": [datetime.fromtimestamp(stored.made, UTC) for stored in lists],
            },
            schema=_SCHEMA,
        )
        path = self._folder / f"part-{self._written:05d}.parquet"
        frame.write_parquet(path)
        sync(path)
        self._written += 1


def _ids(catalogue: Catalogue) -> pl.Series:
    return pl.Series([catalogue.item_id(row) for row in range(len(catalogue))], dtype=pl.String())


def _rows(lists: pl.Series, row_of: pl.DataFrame) -> list[Rows]:
    """Lists of ids as rows; row_of: `item` and `row`."""
    ends = np.cumsum(lists.list.len().to_numpy())
    flat = pl.DataFrame({"item": lists.explode().drop_nulls()})
    rows = flat.join(row_of, on="item", maintain_order="left")["row"].to_numpy().astype(np.int64)
    return np.split(rows, ends[:-1])
