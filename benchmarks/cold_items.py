"""Neighbours of items without interactions, from metadata: python -m benchmarks.cold_items --data-dir DIR.

Hides a tenth of the items, removes all their interactions, and queries their neighbours by their metadata.
Writes docs/benchmarks/cold-items.md from the introduction in this file and the measured tables.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import polars as pl
from rich.console import Console

from hybrid_recs.demo.shop import write_demo_shop
from hybrid_recs.generation.content_encoder import content_features
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.offline.data.dataset import Dataset, read_dataset
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.evaluation.baselines import top_rows
from hybrid_recs.offline.memory import peak_mb, reset_peak
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.training.content_fit import MAX_ITEMS, Features, fit_encoder, known_features
from hybrid_recs.offline.training.content_vectors import CompleteModel, add_content_vectors
from hybrid_recs.offline.training.covisitation import count_covisits
from hybrid_recs.offline.training.embeddings import unit_rows
from hybrid_recs.offline.training.model import fit
from hybrid_recs.settings import Settings
from hybrid_recs.types import Floats, Rows

ROOT = Path(__file__).parents[1]
NAMES = ("online-retail", "goodbooks-10k", "ml-latest-small")
SIZES = (10_000, 100_000)
K, MIN_USERS, MIN_NEIGHBOURS, HIDDEN_SHARE = 20, 5, 5, 0.1
DIMENSIONS = 128
POPULAR, WORDS, TFIDF, CONTENT = (
    "most popular",
    "TF-IDF cosine, words",
    "TF-IDF cosine, words and pieces",
    "**content encoder**",
)


@dataclass(frozen=True, slots=True)
class Truth:
    """The hidden items, and the ids of the items that each queried one really co-occurs with."""

    hidden: frozenset[str]
    neighbours: dict[str, frozenset[str]]


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="folder of the datasets")
@click.option("--seeds", default=5, show_default=True, help="how often to hide another tenth")
@click.option("--only", multiple=True, help="names of datasets; default: all")
@click.option(
    "--sizes", multiple=True, type=int, default=SIZES, show_default=True, help="synthetic catalogues"
)
def main(data_dir: Path, seeds: int, only: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    """Measure, print each row as soon as it is there, and write the page."""
    console = Console(highlight=False, width=180)
    quality = [
        "| dataset | hidden, queried | " + " | ".join((POPULAR, WORDS, TFIDF, CONTENT)) + " | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in only or NAMES:
        quality.append(_quality_row(DatasetConfig.load(ROOT / "examples" / f"{name}.toml", data_dir), seeds))
        console.print(quality[-1], markup=False)
    scale = ["| items | features | fit | CPU | peak memory | one encode, CPU |", "|---|---|---|---|---|---|"]
    for size in sizes:
        scale.append(_scale_row(size))
        console.print(scale[-1], markup=False)
    page = INTRODUCTION + "\n".join(quality) + SCALE + "\n".join(scale) + "\n"
    (ROOT / "docs" / "benchmarks" / "cold-items.md").write_text(page)


def _quality_row(config: DatasetConfig, seeds: int) -> str:
    dataset = read_dataset(config, Settings().max_history)
    results = [_hide(dataset, seed) for seed in range(seeds)]
    cells = []
    for method in (POPULAR, WORDS, TFIDF, CONTENT):
        means = np.array([recalls[method] for recalls, _, _ in results])
        error = means.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else 0.0
        cells.append(f"{means.mean():.3f} ± {error:.3f}".replace("0.", "."))
    queries = round(float(np.mean([count for _, count, _ in results])))
    seconds = np.mean([seconds for _, _, seconds in results])
    return f"| {config.name} | {queries:,} | " + " | ".join(cells) + f" | {seconds:.1f} |"


def _hide(dataset: Dataset, seed: int) -> tuple[dict[str, float], int, float]:
    """Recall@20 of each method, the number of queried items, and the seconds of fitting and placing."""
    truth = _truth(dataset, seed)
    without = dataset.pairs.filter(~pl.col("item").is_in(list(truth.hidden)))
    data = encode(dataclasses.replace(dataset, pairs=without))
    scorer = fit(data, None, seed, ScoringParameters()).scorer(ScoringParameters())
    started = time.perf_counter()
    placed = add_content_vectors(data, scorer, seed)
    seconds = time.perf_counter() - started
    row_of = {item: row for row, item in enumerate(placed.data.items["item"].to_list())}
    learned = data.n_vectors
    targets: dict[str, Rows] = {}
    for item, neighbours in truth.neighbours.items():
        rows = np.array([row_of[other] for other in neighbours if row_of[other] < learned], np.int64)
        if len(rows) >= MIN_NEIGHBOURS:
            targets[item] = rows
    methods: dict[str, Callable[[int], Rows]] = {
        POPULAR: lambda _: top_rows(data.degrees, K),
        WORDS: _tfidf(placed, pieces=False),
        TFIDF: _tfidf(placed, pieces=True),
        CONTENT: lambda row: _by_content(placed, row),
    }
    recalls = {
        name: float(np.mean([_recall(recommend(row_of[item]), rows) for item, rows in targets.items()]))
        for name, recommend in methods.items()
    }
    return recalls, len(targets), seconds


def _truth(dataset: Dataset, seed: int) -> Truth:
    """Hide a tenth of the items that have a learned vector and metadata.

    The neighbours are the 20 items that each co-occurs with most in all the data, weighted by distance and
    age as in the co-visit lists, without hidden ones.
    """
    data = encode(dataset)
    items = data.items.head(data.n_vectors).with_row_index("row")
    described = items.filter(pl.col("title").is_not_null() | (pl.col("categories").list.len() > 0))["row"]
    count = int(HIDDEN_SHARE * len(described))
    hidden = np.random.default_rng(seed).choice(described.to_numpy(), count, replace=False)
    ids = data.items["item"].to_list()
    lists, degrees = count_covisits(data, half_life=ScoringParameters().half_life).lists, data.degrees
    neighbours = {}
    for row in hidden[degrees[hidden] >= MIN_USERS].tolist():
        covisited = lists.neighbours_of(row)[0]
        visible = covisited[~np.isin(covisited, hidden)]
        neighbours[ids[row]] = frozenset(ids[other] for other in visible[:K].tolist())
    return Truth(frozenset(ids[row] for row in hidden.tolist()), neighbours)


def _recall(recommended: Rows, targets: Rows) -> float:
    return len(np.intersect1d(recommended, targets)) / len(targets)


def _by_content(placed: CompleteModel, row: int) -> Rows:
    """The list that would be served, restricted to learned items as for the other methods."""
    learned = placed.data.n_vectors
    if row >= len(placed.scorer.vectors):
        return np.empty(0, np.int64)
    scorer = placed.scorer
    scores = scorer.vectors[:learned] @ scorer.vectors[row] * scorer.boosts[:learned]
    return top_rows(scores, K)


def _tfidf(placed: CompleteModel, pieces: bool) -> Callable[[int], Rows]:
    """Cosine of TF-IDF over all features that at least two items have."""
    bags = [
        np.sort(
            np.fromiter(
                (feature for feature in content_features(*item) if pieces or not feature & 1), np.uint32
            )
        )
        for item in placed.data.items.select("title", "categories", "text").iter_rows()
    ]
    learned = placed.data.n_vectors
    features: Features = known_features(bags[:learned])
    matrix = features.matrix(bags)
    learned_matrix = matrix[:learned]

    def recommend(row: int) -> Rows:
        cosines: Floats = (learned_matrix @ matrix[[row]].toarray()[0]).astype(np.float32)
        return top_rows(cosines, K, above=0)

    return recommend


def _scale_row(size: int) -> str:
    """Cost of the fit on a synthetic shop of this size."""
    with tempfile.TemporaryDirectory() as folder:
        table = pl.read_parquet(write_demo_shop(Path(folder), size, 10 * size).with_name("items.parquet"))
    return _time_fit(table, size)


def _time_fit(table: pl.DataFrame, size: int) -> str:
    """Each vector is the sum of its shelf's random vector and as much noise."""
    rng = np.random.default_rng(0)
    shelf = table["categories"].list.join("|").rank("dense").to_numpy() - 1
    centres = rng.standard_normal((int(shelf.max()) + 1, DIMENSIONS), np.float32)
    vectors = unit_rows(centres[shelf] + rng.standard_normal((size, DIMENSIONS), np.float32))
    items = list(table.select("title", "categories", "description").iter_rows())
    degrees = np.full(size, 20, np.float32)
    reset_peak()
    started, cpu = time.perf_counter(), time.process_time()
    fitted = fit_encoder(items, vectors, degrees, 0)
    seconds, cpu, peak = time.perf_counter() - started, time.process_time() - cpu, peak_mb()
    assert fitted is not None
    encoder, info = fitted
    started = time.process_time()
    encoder.encode_many(items[:2_000])
    encode_ms = (time.process_time() - started) / 2
    bounded = f" (the first {MAX_ITEMS:,} count)" if size > MAX_ITEMS else ""
    return (
        f"| {size:,}{bounded} | {info.features:,} | {seconds:.1f} s | {cpu:.1f} s | {peak:,.0f} MB "
        f"| {encode_ms:.2f} ms |"
    )


INTRODUCTION = """# Cold items

How well the content encoder ([how it works](../explanation/cold-items.md)) places items without interactions.
Written by `python -m benchmarks.cold_items --data-dir <folder of the datasets>`.

## Quality

A tenth of the items with a vector and metadata is hidden, and all their interactions are removed before
anything is learned. The table shows Recall@20 of the items that a hidden item really co-occurs with: the 20
items with the highest weight in its co-visit list from all the data (within five places; nearer and later
co-occurrences count more), without hidden ones, for hidden items with at least 5 users and 5 such neighbours.
All methods choose among the learned items. Mean and standard error over five draws of the hidden tenth.
Seconds: fitting the encoder and embedding the hidden items, on a busy machine.

"""
SCALE = """

## Cost

The fit on synthetic products (title, shelf, description) with 128 dimensions, on two shared cores of a busy
machine. Memory is that of the whole process, including the items.

"""

if __name__ == "__main__":
    main()
