"""The fit at scale beside implicit's ALS on the same matrix: python -m benchmarks.fit_scale --items 1000000.

Every part runs in a process of its own, so that its peak memory is its own. ALS: 128 factors, 15 iterations.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks.synthetic import write_synthetic
from hybrid_recs.manifest import ScoringInfo
from hybrid_recs.offline.covisitation import count_covisits
from hybrid_recs.offline.dataset import read_dataset
from hybrid_recs.offline.description import Description
from hybrid_recs.offline.embeddings import fit_vectors
from hybrid_recs.offline.evaluation.learned_baselines import fit_als
from hybrid_recs.offline.matrix import encode

_FACTORS, _ALPHA = 128, 10.0


@click.command(help=__doc__)
@click.option("--items", default=100_000, show_default=True, help="items; 20 interactions each")
@click.option("--part", type=click.Choice(["ours", "als"]), hidden=True)
@click.option("--dataset", type=click.Path(path_type=Path), hidden=True)
def main(items: int, part: str | None, dataset: Path | None) -> None:
    """Make the data, run both parts, print seconds and peak memory."""
    if part and dataset:
        click.echo(json.dumps(_ours(dataset) if part == "ours" else _als(dataset)))
        return
    with tempfile.TemporaryDirectory() as folder:
        description = write_synthetic(Path(folder), items)
        for name in ("ours", "als"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.fit_scale",
                "--part",
                name,
                "--dataset",
                str(description),
            ]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            figures = json.loads(printed.splitlines()[-1])
            click.echo(f"{items:,} items, {name}: " + ", ".join(f"{k} {v:,.1f}" for k, v in figures.items()))


def _ours(dataset: Path) -> dict[str, float]:
    scoring, seconds = ScoringInfo(), {}
    started = time.perf_counter()
    data = read_dataset(Description.load(dataset), 5_000)
    seconds["read s"] = time.perf_counter() - started
    started = time.perf_counter()
    encoded = encode(data)
    seconds["encode s"] = time.perf_counter() - started
    started = time.perf_counter()
    counts = count_covisits(encoded, half_life=scoring.half_life)
    seconds["co-visits s"] = time.perf_counter() - started
    seconds["peak MB before vectors"] = _peak_mb()
    started = time.perf_counter()
    fit_vectors(encoded.matrix, counts.links, _FACTORS, 20, scoring.steps)
    seconds["vectors s"] = time.perf_counter() - started
    return seconds | {"peak MB": _peak_mb()}


def _als(dataset: Path) -> dict[str, float]:
    encoded = encode(read_dataset(Description.load(dataset), 5_000))
    before = _peak_mb()
    started = time.perf_counter()
    fit_als(encoded.matrix, _FACTORS, _ALPHA, 0)
    return {"fit s": time.perf_counter() - started, "peak MB before": before, "peak MB": _peak_mb()}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


if __name__ == "__main__":
    main()
