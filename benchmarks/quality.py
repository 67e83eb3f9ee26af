"""Evaluate every example dataset and all baselines: python -m benchmarks.quality --data-dir DIR.

Writes docs/benchmarks/quality.md and benchmarks/quality.json. Session-KNN, which is not part of the package,
is added to the baselines here.
"""

import json
from pathlib import Path

import click
from rich.console import Console

from benchmarks.session_knn import SessionKnn
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.commands.evaluate import BASELINES, evaluate
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.evaluation import show
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json

ROOT = Path(__file__).parents[1]
NAMES = ("serenade-example", "movietweetings", "online-retail", "ml-latest-small", "goodbooks-10k")
INTRODUCTION = """# Quality

Every figure below was written by one run of `make quality DATA_DIR=<folder of the datasets>`: the same
held-out cases for every method, up to 4,000 per task, defaults only. For every method, only items with a
vector are queried and counted as targets. `se` is the standard error of HR@20; head and tail are HR@20 by
whether the (last) source item is among the most popular items that account for half of the interactions;
coverage, Gini and mean popularity rank describe the recommended items. `hybrid-recs` is the recommender
object that the service uses, with its FAISS index and hot lists; "its exact search" scores every item
instead. The factors and alpha of `implicit` ALS are chosen on a validation slice of the training data, for
items and users separately. `fit_s` and `fit_peak_mb` (growth of the process) of hybrid-recs include the
choice of its parameters.
"""


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="folder of the datasets")
@click.option("--only", multiple=True, help="names of datasets; default: all")
def main(data_dir: Path, only: tuple[str, ...]) -> None:
    """Evaluate, print each table as soon as it is there, and write the two files."""
    steps = Steps(Console(highlight=False, width=180))
    results: list[Json] = []
    with print_errors(steps.console):
        for name in only or NAMES:
            description = DatasetConfig.load(ROOT / "examples" / f"{name}.toml", data_dir)
            fits = {**BASELINES, "session-KNN": SessionKnn.fit}
            results.append(evaluate(description, BuildOptions.from_settings(Settings()), steps, fits, 4_000))
            show.print_table(results[-1], steps.console)
            write(results)


def write(results: list[Json]) -> None:
    """Write the results so far."""
    sections = "\n".join(show.as_markdown(result) for result in results)
    (ROOT / "docs" / "benchmarks" / "quality.md").write_text(f"{INTRODUCTION}\n{sections}")
    (ROOT / "benchmarks" / "quality.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
