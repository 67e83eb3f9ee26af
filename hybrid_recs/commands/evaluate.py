"""Measure recommendations on held-out interactions: python -m jobs.evaluate --dataset dataset.toml."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from hybrid_recs.commands.error_messages import reported
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation import show
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.cases import cases_of, hold_out_latest
from hybrid_recs.offline.evaluation.learned_baselines import Als, RandomisedSvd, Word2Vec
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.ours import ServedMethod, fit_ours, parts_of
from hybrid_recs.offline.evaluation.run import EvaluationRow, Fitted, fitted, measure
from hybrid_recs.offline.progress import Steps
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json

Fit = Callable[[EncodedData], Method]
BASELINES: dict[str, Fit] = {
    "most popular": Popular.fit,
    "item-KNN cosine": ItemKnn.fit,
    "randomised SVD": RandomisedSvd.fit,
    "implicit ALS": Als.fit,
    "word2vec": Word2Vec.fit,
}


@click.command(help=__doc__)
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="its dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="where its relative paths start from")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "md"]), default="table", show_default=True
)
@click.option("--cases", default=4_000, show_default=True, help="most questions of each task")
@click.option("--no-baselines", is_flag=True, help="measure this product alone")
def main(dataset: Path, data_dir: Path | None, form: str, cases: int, no_baselines: bool) -> None:
    """Measure and print; progress goes to standard error."""
    steps = Steps(Console(stderr=True, highlight=False))
    with reported(steps.console):
        description = DatasetConfig.load(dataset, data_dir)
        options = BuildOptions.from_settings(Settings())
        result = evaluate(description, options, steps, {} if no_baselines else BASELINES, cases)
    if form == "table":
        show.print_table(result, Console(highlight=False, width=180))
    else:
        click.echo(show.as_json(result) if form == "json" else show.as_markdown(result))


def evaluate(
    description: DatasetConfig, options: BuildOptions, steps: Steps, baselines: dict[str, Fit], most: int
) -> Json:
    """Split, fit everything on the earlier part, ask everything about the later."""
    with steps("Read and split") as step:
        held = hold_out_latest(description, options.max_history)
        data = encode(held.train)
        cases = cases_of(held, data, most, options.seed)
        asked = sum(len(some) for some in cases.values())
        step.done(f"{len(held.events):,} interactions; {asked:,} questions")
    with tempfile.TemporaryDirectory() as folder:
        with steps("Fit hybrid-recs") as step:
            ours = fitted(lambda: fit_ours(held.train, data, options, Path(folder)))
        assert isinstance(ours.method, ServedMethod)
        methods = [ours, *(Fitted(part, ours.seconds, ours.peak_mb) for part in parts_of(ours.method))]
        for name, fit in baselines.items():
            with steps(f"Fit {name}") as step:
                methods.append(fitted(lambda fit=fit: fit(data)))  # type: ignore[misc]
        rows: list[EvaluationRow] = []
        with steps("Ask") as step:
            step.expect(asked * len(methods))
            for one in methods:
                rows += measure(one, cases, data, step.advance)
    rows.sort(key=lambda row: list(cases).index(row.task))
    scoring = ours.method.recommender.generation.manifest.scoring.model_dump()
    return {
        "dataset": description.name,
        "protocol": held.protocol,
        "scoring": scoring,
        "rows": [row.as_json() for row in rows],
    }
