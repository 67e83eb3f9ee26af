"""Small datasets, as files or in memory, and random models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hybrid_recs.generation.covisits import CoVisits
from hybrid_recs.generation.scoring import Scorer
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.data.dataset import Dataset, InputStats, read_dataset
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from hybrid_recs.types import Floats

File = str | bytes | pl.DataFrame
Histories = Sequence[Sequence[int]]

JUDGED = '[interactions]\npath = "a.csv"\nuser = "user"\nitem = "item"\n'
# Few rows are no evidence of an order, but tests say which they mean.
USER_AND_ITEM = f'order = "file"\n{JUDGED}'
WITH_TIME = USER_AND_ITEM + 'time = "time"\n'

_NO_ITEMS = {
    "item": pl.String(),
    "title": pl.String(),
    "categories": pl.List(pl.String()),
    "text": pl.String(),
    "available": pl.Boolean(),
}


def write(folder: Path, files: Mapping[str, File], toml: str) -> Path:
    """Write data files and their dataset.toml; returns the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pl.DataFrame):
            content.write_parquet(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    description = folder / "dataset.toml"
    description.write_text(toml)
    return description


def read(folder: Path, files: Mapping[str, File], toml: str, max_history: int = 5_000) -> Dataset:
    """Write files and read them as the job does."""
    return read_dataset(DatasetConfig.load(write(folder, files, toml)), max_history)


def item_name(item: int) -> str:
    return f"i{item:04d}"


def dataset_of(
    histories: Histories,
    times: Sequence[Sequence[float]] | None = None,
    ordered: bool = True,
    weights: Sequence[Sequence[float]] | None = None,
    items: Sequence[str] = (),
) -> Dataset:
    """A clean dataset of one history per user, in order; `items`: ids of an items table."""
    rows = [
        (
            f"u{user:05d}",
            item_name(item),
            None if times is None else float(times[user][index]),
            1.0 if weights is None else float(weights[user][index]),
        )
        for user, history in enumerate(histories)
        for index, item in enumerate(history)
    ]
    schema = {"user": pl.String, "item": pl.String, "time": pl.Float64, "weight": pl.Float64}
    pairs = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("order")
    pairs = pairs.with_columns(count=pl.lit(1, pl.UInt32))
    table = pl.DataFrame({"item": list(items)}, schema={"item": pl.String}).with_columns(
        pl.lit(None).cast(kind).alias(name) for name, kind in _NO_ITEMS.items() if name != "item"
    )
    return Dataset(
        name="made",
        pairs=pairs.select("user", "item", "time", "order", "weight", "count"),
        items=table,
        stats=InputStats(rows_read=len(rows), rows_kept=len(rows), pairs=len(rows)),
        timed=times is not None,
        ordered=ordered,
    )


def random_histories(seed: int, users: int, items: int, longest: int) -> list[list[int]]:
    """Histories of 1 to `longest` distinct items; low numbers are more popular."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, items + 1) ** 0.5
    popularity /= popularity.sum()
    lengths = rng.integers(1, longest + 1, users)
    return [rng.choice(items, int(n), replace=False, p=popularity).tolist() for n in lengths]


def in_rows(histories: Histories, data: EncodedData) -> list[list[int]]:
    """The same histories with the row of every item that has a vector."""
    ids = data.items["item"].head(data.n_vectors).to_list()
    row_of = {item: row for row, item in enumerate(ids)}
    return [[row_of[name] for item in one if (name := item_name(item)) in row_of] for one in histories]


def encoded(histories: Histories, **options: object) -> tuple[EncodedData, list[list[int]]]:
    """A dataset in numbers, and its histories by row."""
    data = encode(dataset_of(histories, **options))  # type: ignore[arg-type]
    return data, in_rows(histories, data)


def build_options(**settings: Any) -> BuildOptions:
    """The options of a build with these settings, else the defaults."""
    return BuildOptions.from_settings(Settings(**settings))


def unit_vectors(seed: int, n: int, dimensions: int) -> Floats:
    vectors = np.random.default_rng(seed).standard_normal((n, dimensions)).astype(np.float32)
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def random_scorer(seed: int, n: int, dimensions: int, weight: float, longest: int = 20) -> Scorer:
    """Random vectors and tilts, and co-visit lists of 0 to `longest` random other rows."""
    rng = np.random.default_rng(seed)
    lists = []
    for row in range(n):
        others = np.delete(np.arange(n), row)
        lists.append(rng.choice(others, min(int(rng.integers(0, longest + 1)), n - 1), replace=False))
    weights = [np.sort(rng.uniform(0.05, 1, len(one)))[::-1] / 1.0 for one in lists]
    indptr = np.concatenate(([0], np.cumsum([len(one) for one in lists]))).astype(np.int64)
    covisits = CoVisits(
        indptr, np.concatenate(lists).astype(np.uint32), np.concatenate(weights).astype(np.float32)
    )
    tilt = (np.sort(rng.uniform(1, 500, n))[::-1] ** 0.05).astype(np.float32)
    return Scorer(unit_vectors(seed, n, dimensions), tilt, covisits, weight)


def dense(covisits: CoVisits) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Co-visit lists as an n × n matrix."""
    n = len(covisits)
    matrix = np.zeros((n, n))
    for row in range(n):
        rows, weights = covisits.neighbours_of(row)
        matrix[row, rows] = weights
    return matrix


def all_scores(scorer: Scorer) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Every score by the formula, n × n; -inf for an item with itself."""
    vectors = scorer.vectors.astype(np.float64)
    scores = vectors @ vectors.T * scorer.boosts + scorer.covisit_weight * dense(scorer.covisits)
    np.fill_diagonal(scores, -np.inf)
    return np.asarray(scores)
