"""The offline job at growing sizes: python -m benchmarks.scale --items 10000 --items 100000 --items 1000000.

Synthetic interactions, 20 per item. For each size: the whole rebuild, live search on the result, the vector
fit, and implicit's ALS on the same matrix, each in its own process. Writes
docs/benchmarks/scale.md and benchmarks/scale.json.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from os import cpu_count, environ
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from benchmarks.synthetic import write_synthetic
from hybrid_recs import wiring
from hybrid_recs.cache import embedded_server
from hybrid_recs.commands.rebuild_index import rebuild
from hybrid_recs.generation.scoring_parameters import ScoringParameters
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from hybrid_recs.offline.build.index import exact_neighbours, tail_sample
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.data.encoding import EncodedData, encode
from hybrid_recs.offline.evaluation.learned_baselines import fit_als
from hybrid_recs.offline.memory import peak_mb, reset_peak
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.offline.training.embeddings import fit_vectors
from hybrid_recs.offline.training.model import fit_covisits
from hybrid_recs.ranking.recommender import ItemQuery, Recommender
from hybrid_recs.settings import Settings
from hybrid_recs.types import Json

ROOT = Path(__file__).parents[1]
FACTORS, ALPHA = 128, 10.0
LATENCY_QUERIES, DEPTH, RECALL_QUERIES = 2_000, 10, 500


@click.command(help=__doc__)
@click.option(
    "--items",
    "sizes",
    type=click.IntRange(min=1_000),
    multiple=True,
    default=(10_000, 100_000, 1_000_000),
    show_default=True,
)
@click.option("--part", hidden=True)
@click.option("--dataset", type=click.Path(path_type=Path), hidden=True)
def main(sizes: tuple[int, ...], part: str | None, dataset: Path | None) -> None:
    """Measure every size, print it, and write the two files."""
    if part and dataset:
        click.echo(json.dumps(PARTS[part](dataset)))
        return
    console = Console(highlight=False, width=150)
    results = [measure(items, console) for items in sorted(sizes)]
    report = as_markdown(results, sorted(sizes))
    console.print(report, markup=False)
    (ROOT / "benchmarks" / "scale.json").write_text(json.dumps(results, indent=1) + "\n")
    (ROOT / "docs" / "benchmarks" / "scale.md").write_text(report)


def measure(items: int, console: Console) -> Json:
    """Every figure of one size."""
    result: Json = {"items": items}
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_synthetic(Path(folder), items)
        folders = {"HYBRID_RECS_INDEX_DIR": f"{folder}/index", "HYBRID_RECS_VAR_DIR": f"{folder}/var"}
        try:
            for part in PARTS:
                result[part] = _run_in_process(part, dataset, environ | folders)
                console.print(f"{items:,} items, {part}: {json.dumps(result[part])}", soft_wrap=True)
        finally:
            embedded_server.stop(Path(folder) / "var")
    return result


def _run_in_process(part: str, dataset: Path, environment: dict[str, str]) -> Any:
    command = [sys.executable, "-m", "benchmarks.scale", "--part", part, "--dataset", str(dataset)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ended.stdout.splitlines()[-1])


def rebuild_steps(dataset: Path) -> Json:
    """Seconds and peak memory of every step of the rebuild."""
    steps, cpu = Steps(Console(file=sys.stderr, highlight=False, width=150)), time.process_time()
    generation = rebuild(dataset, None, Settings(), steps)
    return {
        "steps": [step.model_dump() for step in steps.finished],
        "seconds": steps.total_seconds(),
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": steps.peak_mb(),
        "index": generation.manifest.index.kind,
        "quality": generation.manifest.quality,
    }


def live_search(_: Path) -> Json:
    """Milliseconds of live search for tail items, and its recall against exact search."""
    use_one_thread_per_search()
    store = wiring.store(Settings())
    generation = store.open_current()
    recommender = Recommender(generation)
    seconds = []
    for row in tail_sample(generation.manifest.vectors, LATENCY_QUERIES, 1).tolist():
        started = time.perf_counter()
        recommender.live_neighbours(ItemQuery(row, DEPTH))
        seconds.append(time.perf_counter() - started)
    vectors, index = generation.scorer.vectors, generation.index
    rows = tail_sample(len(vectors), RECALL_QUERIES, 2)
    exact = exact_neighbours(vectors, vectors * generation.scorer.boosts[:, np.newaxis], rows, DEPTH)
    recalls = [
        np.isin(neighbours, index.search(vectors[row], DEPTH + 1)).mean()
        for row, neighbours in zip(rows, exact, strict=True)
    ]
    p50, p99 = np.quantile(np.array(seconds) * 1_000, [0.5, 0.99])
    return {"p50_ms": float(p50), "p99_ms": float(p99), "recall@10": float(np.mean(recalls))}


def vector_fit(dataset: Path) -> Json:
    """Seconds and peak memory of the vector fit, without counting the co-visits."""
    data, parameters = _encoded(dataset), ScoringParameters()
    links = fit_covisits(data, parameters).links
    seed = Settings().seed
    return _measure_cost(lambda: fit_vectors(data.matrix, links, FACTORS, seed, parameters.steps))


def als_fit(dataset: Path) -> Json:
    """Seconds and peak memory of implicit's ALS: 128 factors, 15 iterations, two threads."""
    data = _encoded(dataset)
    return _measure_cost(lambda: fit_als(data.matrix, FACTORS, ALPHA, 0))


PARTS: dict[str, Callable[[Path], Json]] = {
    "rebuild": rebuild_steps,
    "live": live_search,
    "vectors": vector_fit,
    "als": als_fit,
}


def _encoded(dataset: Path) -> EncodedData:
    return encode(read_dataset(DatasetConfig.load(dataset), Settings().max_history))


def _measure_cost(work: Callable[[], object]) -> Json:
    reset_peak()
    started, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak_mb()}


def growth_exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log seconds over log items, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def as_markdown(results: list[Json], sizes: list[int]) -> str:
    """The text of docs/benchmarks/scale.md."""
    command = "python -m benchmarks.scale " + " ".join(f"--items {size}" for size in sizes)
    rebuilds = [result["rebuild"] for result in results]
    names = [step["name"] for step in rebuilds[0]["steps"]]
    lines = [
        "# Scale",
        "",
        f"Every figure was written by one run of `{command}`",
        f"on {cpu_count()} cores: synthetic interactions, 20 per item, about 13 % of them with the top 1 %",
        "of items and about 45 % with the top 10 %. Seconds, and the peak resident memory during the step",
        "(including memory that the allocator kept from earlier steps). CPU seconds over seconds is the",
        "number of busy cores; where it is low, the machine had other load.",
        "",
        _row("step", (f"{size:,} items" for size in sizes)),
        _row("---", ("---:" for _ in sizes)),
    ]
    for number, name in enumerate(names):
        lines.append(_row(name, (_cost(rebuild["steps"][number]) for rebuild in rebuilds)))
    lines.append(_row("**whole rebuild**", (f"**{_cost(rebuild)}**" for rebuild in rebuilds)))
    lines.append(_row("index", (rebuild["index"] for rebuild in rebuilds)))
    for name, template in (("p50_ms", "{:.2f} ms"), ("p99_ms", "{:.2f} ms"), ("recall@10", "{:.4f}")):
        lines.append(
            _row(f"live search, tail items: {name}", (template.format(r["live"][name]) for r in results))
        )
    lines.append(_row("vector fit, 128 dimensions", (_cost(result["vectors"]) for result in results)))
    lines.append(
        _row("implicit ALS, 128 factors, 15 iterations", (_cost(result["als"]) for result in results))
    )
    if len(sizes) > 1:
        exponent = growth_exponent(sizes, [rebuild["seconds"] for rebuild in rebuilds])
        lines += [
            "",
            f"The time of the whole rebuild grows with the number of items to the power {exponent:.2f}",
            "(least squares of the logarithms).",
        ]
    return "\n".join(lines) + "\n"


def _row(name: str, cells: Any) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _cost(figures: Json) -> str:
    cpu = f" ({figures['cpu_seconds']:,.1f} CPU)" if "cpu_seconds" in figures else ""
    return f"{figures['seconds']:,.1f} s{cpu}, {figures['peak_mb']:,.0f} MB"


if __name__ == "__main__":
    main()
