"""Measure recommendations on held-out interactions: python -m jobs.evaluate --dataset dataset.toml."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.errors import DatasetError
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation import show
from hybrid_recs.offline.evaluation.baselines import ItemKnn, Popular
from hybrid_recs.offline.evaluation.cases import cases_of, split_rows
from hybrid_recs.offline.evaluation.learned_baselines import Als, RandomisedSvd, Word2Vec
from hybrid_recs.offline.evaluation.method import Method
from hybrid_recs.offline.evaluation.run import EvaluationRow, FittedMethod, fit_measured, measure
from hybrid_recs.offline.evaluation.served_method import ServedMethod, fit_served_method, parts_of
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
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
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="path of the dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder that its relative paths start from")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "md"]), default="table", show_default=True
)
@click.option("--cases", default=4_000, show_default=True, help="maximum number of cases per task")
@click.option("--no-baselines", is_flag=True, help="measure this product alone")
def main(dataset: Path, data_dir: Path | None, form: str, cases: int, no_baselines: bool) -> None:
    """Measure and print; progress goes to standard error."""
    steps = Steps(Console(stderr=True, highlight=False))
    with print_errors(steps.console):
        config = DatasetConfig.load(dataset, data_dir)
        options = BuildOptions.from_settings(Settings())
        result = evaluate(config, options, steps, {} if no_baselines else BASELINES, cases)
    if form == "table":
        show.print_table(result, Console(highlight=False, width=180))
    else:
        click.echo(show.as_json(result) if form == "json" else show.as_markdown(result))


def evaluate(
    config: DatasetConfig, options: BuildOptions, steps: Steps, baselines: dict[str, Fit], max_cases: int
) -> Json:
    """Split, fit every method on the earlier part, and test it on the later part."""
    with steps("Read and split") as step:
        split = split_rows(config, options.max_history)
        data = encode(split.train)
        cases = cases_of(split, data, max_cases, options.seed)
        n_cases = sum(len(task_cases) for task_cases in cases.values())
        if not n_cases:
            raise DatasetError(
                f"{config.name}: there is nothing to evaluate on: {split.protocol}, and no visitor has "
                "learned items both before and among those; more interactions are needed"
            )
        step.done(f"{len(split.events):,} interactions; {n_cases:,} cases")
    with tempfile.TemporaryDirectory() as folder:
        with steps("Fit hybrid-recs") as step:
            ours = fit_measured(lambda: fit_served_method(split.train, data, options, Path(folder)))
        assert isinstance(ours.method, ServedMethod)
        parts = [FittedMethod(part, ours.seconds, ours.peak_mb) for part in parts_of(ours.method)]
        methods = [ours, *parts]
        for name, fit in baselines.items():
            with steps(f"Fit {name}") as step:
                methods.append(fit_measured(lambda fit=fit: fit(data)))  # type: ignore[misc]
        rows: list[EvaluationRow] = []
        with steps("Run the cases") as step:
            step.expect(n_cases * len(methods))
            for fitted in methods:
                rows += measure(fitted, cases, data, step.advance)
    rows.sort(key=lambda row: list(cases).index(row.task))
    scoring = ours.method.recommender.generation.manifest.scoring.model_dump()
    return {
        "dataset": config.name,
        "protocol": split.protocol,
        "scoring": scoring,
        "rows": [row.as_json() for row in rows],
    }
