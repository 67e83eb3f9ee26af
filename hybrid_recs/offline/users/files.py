"""Users' lists on disk: Parquet files of one generation in a folder that appears whole or not at all."""

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
    the list was made from, oldest first), generation and made."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def writing(self, generation: str, catalogue: Catalogue) -> Iterator["PartWriter"]:
        """Write all parts of a generation; they replace what there was when the block ends well.

        Raises RebuildInProgressError when another process is at it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._clean()
            staged = self.root / f"{_UNFINISHED}{generation}"
            staged.mkdir()
            try:
                yield PartWriter(staged, generation, catalogue)
                self._put_in_place(staged, self.root / generation)
            finally:
                self._clean()

    def generations(self) -> list[str]:
        """Those there are lists of, oldest first."""
        return sorted(path.name for path in self.root.glob("[!.]*") if path.is_dir())

    def remove(self, generation: str) -> None:
        """Out of sight in one step, then away."""
        hidden = self.root / f"{_REPLACED}{generation}"
        (self.root / generation).rename(hidden)
        shutil.rmtree(hidden)

    def parts(self, generation: str) -> list[Path]:
        """Its files, in the order they were written: the most recently active users first."""
        return sorted((self.root / generation).glob("part-*.parquet"))

    def read(self, generation: str) -> pl.DataFrame:
        """All lists of a generation."""
        paths = self.parts(generation)
        return pl.read_parquet(paths) if paths else pl.DataFrame(schema=_SCHEMA)

    def users(self, generation: str) -> list[str]:
        """Whose lists there are."""
        return self.read(generation)["user"].to_list()

    def stored(
        self, generation: str, catalogue: Catalogue
    ) -> Iterator[tuple[list[str], list[StoredUserList]]]:
        """Part by part, users and their lists in the rows of the generation's catalogue."""
        ids = _ids(catalogue)
        rows = pl.DataFrame({"item": ids}).with_row_index("row")
        for path in self.parts(generation):
            part = pl.read_parquet(path)
            items, histories = _rows(part["items"], rows), _rows(part["history"], rows)
            lists = zip(items, part["scores"], histories, part["made"], strict=True)
            yield (
                part["user"].to_list(),
                [
                    StoredUserList(Neighbours(one, scores.to_numpy()), met, int(made.timestamp()))
                    for one, scores, met, made in lists
                ],
            )

    def _put_in_place(self, staged: Path, folder: Path) -> None:
        sync(staged)
        if folder.exists():
            folder.rename(self.root / f"{_REPLACED}{folder.name}")
        staged.rename(folder)
        sync(self.root)

    def _clean(self) -> None:
        """Remove what this or a killed job left unfinished; lists it had moved aside come back."""
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
        busy = f"{self.root}: another recommend-users is at work; wait for it to end"
        with locked(self.root, RebuildInProgressError(busy)):
            yield


class PartWriter:
    """Writes part after part into a folder that nobody reads yet."""

    def __init__(self, folder: Path, generation: str, catalogue: Catalogue) -> None:
        self._folder = folder
        self._generation = generation
        self._ids = _ids(catalogue)
        self._written = 0

    def write(self, users: Sequence[str], predictions: Sequence[StoredUserList]) -> None:
        """One more part, synced to disk."""
        made = [datetime.fromtimestamp(one.made, UTC) for one in predictions]
        frame = pl.DataFrame(
            {
                "user": list(users),
                "items": [self._ids.gather(one.neighbours.rows) for one in predictions],
                "scores": [pl.Series(one.neighbours.scores) for one in predictions],
                "history": [self._ids.gather(one.history) for one in predictions],
                "generation": [self._generation] * len(users),
                "made": made,
            },
            schema=_SCHEMA,
        )
        path = self._folder / f"part-{self._written:05d}.parquet"
        frame.write_parquet(path)
        sync(path)
        self._written += 1


def _ids(catalogue: Catalogue) -> pl.Series:
    return pl.Series([catalogue.item_id(row) for row in range(len(catalogue))], dtype=pl.String())


def _rows(lists: pl.Series, rows: pl.DataFrame) -> list[Rows]:
    """Lists of ids as rows."""
    ends = np.cumsum(lists.list.len().to_numpy())
    flat = pl.DataFrame({"item": lists.explode().drop_nulls()})
    found = flat.join(rows, on="item", maintain_order="left")["row"].to_numpy().astype(np.int64)
    return np.split(found, ends[:-1])
