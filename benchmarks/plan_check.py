"""The planner's predictions against the real service: python -m benchmarks.plan_check --data-dir …

Builds online-retail without its last two months and replays these as item requests to a service: once for
each of three sizes of the hot set without rising items, and once with them. Writes
plan_check.json and the picture plan_check.svg into docs/benchmarks/.
"""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import redis

from benchmarks.publish import publish_copy_with_hot
from hybrid_recs.cache import embedded_server
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.list_loader import load_lists
from hybrid_recs.commands import rebuild_index
from hybrid_recs.demo import replay
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.offline.data.requests import latest_requests
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from hybrid_recs.reports.charts import sizes_plot
from hybrid_recs.reports.planner import gather
from hybrid_recs.reports.planner.hit_rate_curves import rising_hits, static_hits
from hybrid_recs.reports.planner.plan import plan
from hybrid_recs.reports.planner.traffic import Traffic
from hybrid_recs.reports.plot import DOT, LegendEntry
from hybrid_recs.reports.svg import Size
from hybrid_recs.settings import RISING_AFTER_REQUESTS, Settings
from hybrid_recs.telemetry.hit_rates import hit_rate_report

DAYS = 60
FIRST_DAY = "2011-10-10"
SIZES = (300, 1_200, 2_500)
ROOT = Path(__file__).parents[1]
# By whether items could rise.
_MEASURED = {
    False: LegendEntry("measured", "dot ink", dot=True),
    True: LegendEntry("measured, with rising items", "hollow ink", dot=True),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """Hit rates of one size, as shares of all requests. forecast: predicted for the second half from the
    first half of the requests. second_half: the hit rate of the second half. Both are None with rising
    items."""

    items: int
    rising: bool
    requests: int
    predicted: float
    measured: float
    forecast: float | None
    second_half: float | None


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path))
@click.option("--out", default=ROOT / "docs" / "benchmarks", type=click.Path(path_type=Path))
def main(data_dir: Path, out: Path) -> None:
    """Build once, then replay for every size."""
    description = (ROOT / "examples" / "online-retail.toml").read_text()
    with tempfile.TemporaryDirectory(prefix="plan-") as name:
        folder = Path(name)
        whole, before = folder / "whole.toml", folder / "online-retail.toml"
        whole.write_text(description)
        before.write_text(
            description.replace('UnitPrice > 0"', f"UnitPrice > 0 AND InvoiceDate < '{FIRST_DAY}'\"")
        )
        url = embedded_server.ensure_running(folder / "var")
        try:
            settings = Settings(index_dir=folder / "index", redis_url=url)
            generation = rebuild_index.rebuild(before, data_dir, settings, Steps())
            requests = latest_requests(DatasetConfig.load(whole, data_dir), DAYS)
            checks = [_check(folder, url, generation, requests, items, rising=False) for items in SIZES]
            checks.append(_check(folder, url, generation, requests, SIZES[1], rising=True))
            _write(out, gather.traffic_from_log(requests, generation, "the replay"), checks)
        finally:
            embedded_server.stop(folder / "var")


def _check(
    folder: Path, url: str, generation: Generation, requests: list[str], items: int, rising: bool
) -> Checked:
    """Serve a copy of the generation with `items` hot items, and send it all requests."""
    keys = Keys(f"check-{items}-{rising}")
    store = GenerationStore(folder / "index")
    copy = publish_copy_with_hot(store, generation, f"{generation.id}-{items}-{rising}", items)
    with connect(url) as client:
        load_lists(client, keys, copy, 86_400)
        environment = {
            "HYBRID_RECS_INDEX_DIR": str(folder / "index"),
            "HYBRID_RECS_REDIS_URL": url,
            "HYBRID_RECS_KEY_PREFIX": keys.prefix,
            "HYBRID_RECS_VAR_DIR": str(folder / "var"),
            "HYBRID_RECS_RISING_MAX_ITEMS": "10000" if rising else "0",
            "HYBRID_RECS_REDIS_TIMEOUT_MS": "5000",
        }
        with child_service(folder / "log", environment) as service:
            outcome = replay.send(service.url, requests)
        measured = _measured(client, keys, len(requests))
    if outcome.failures:
        raise click.ClickException(f"requests failed: {outcome.failures}")
    row_of, vectors = generation.catalogue.row, generation.manifest.vectors
    half = len(requests) // 2

    def predicted(sent: list[str]) -> float:
        traffic, size = gather.traffic_from_log(sent, generation, ""), np.array([items])
        hits = rising_hits(traffic, size, RISING_AFTER_REQUESTS) if rising else static_hits(traffic, size)
        return float(hits[0] / traffic.requests)

    rows = [row_of(item) for item in requests[half:]]
    hits = sum(row is not None and row < min(items, vectors) for row in rows)
    check = Checked(
        items=items,
        rising=rising,
        requests=len(requests),
        predicted=predicted(requests),
        measured=measured,
        forecast=None if rising else predicted(requests[:half]),
        second_half=None if rising else hits / len(rows),
    )
    click.echo(json.dumps(asdict(check)))
    return check


def _measured(client: redis.Redis, keys: Keys, expected: int) -> float:
    """The hit rate from the service's counters, which are complete once it has stopped."""
    report = hit_rate_report(client, keys, 3_600, lambda _: None)
    if report.requests != expected:
        raise click.ClickException(f"{report.requests} of {expected} requests were counted")
    return report.hit_rate or 0.0


def _write(out: Path, traffic: Traffic, checks: list[Checked]) -> None:
    predicted = plan(traffic, 0.9, admitted_after=RISING_AFTER_REQUESTS)
    plot = sizes_plot(Size(728, 340), "Predicted and measured hit rates", predicted, list(_MEASURED.values()))
    for check in checks:
        plot.dot((check.items, check.measured), DOT, _MEASURED[check.rising].classes)
    (out / "plan_check.svg").write_text(plot.drawing.standalone())
    (out / "plan_check.json").write_text(json.dumps([asdict(check) for check in checks], indent=1) + "\n")


if __name__ == "__main__":
    main()
