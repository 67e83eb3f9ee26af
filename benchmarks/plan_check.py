"""The planner's curve against the real service: python -m benchmarks.plan_check --data-dir …

Online-retail is learnt up to its last two months; those are replayed as item requests, through a service of
its own, once for each of three sizes of the hot set, with rising items off and once with them on. Writes
docs/plan_check.json and the picture docs/plan_check.svg.
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
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.requests import latest_requests
from hybrid_recs.offline.progress import Steps
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
    """Hit rates of one size, shares of all requests. forecast: predicted from the first half of the requests;
    second_half: what the second half then had; both None with rising items."""

    items: int
    rising: bool
    requests: int
    predicted: float
    measured: float
    forecast: float | None
    second_half: float | None


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path))
@click.option("--out", default=ROOT / "docs", type=click.Path(path_type=Path))
def main(data_dir: Path, out: Path) -> None:
    """Build once, then replay at every size."""
    described = (ROOT / "examples" / "online-retail.toml").read_text()
    with tempfile.TemporaryDirectory(prefix="plan-") as name:
        folder = Path(name)
        whole, before = folder / "whole.toml", folder / "online-retail.toml"
        whole.write_text(described)
        before.write_text(
            described.replace('UnitPrice > 0"', f"UnitPrice > 0 AND InvoiceDate < '{FIRST_DAY}'\"")
        )
        url = embedded_server.ensure_running(folder / "var")
        try:
            settings = Settings(index_dir=folder / "index", redis_url=url)
            generation = rebuild_index.rebuild(before, data_dir, settings, Steps())
            requests = latest_requests(DatasetConfig.load(whole, data_dir), DAYS)
            found = [_check(folder, url, generation, requests, items, False) for items in SIZES]
            found.append(_check(folder, url, generation, requests, SIZES[1], True))
            _write(out, gather.traffic_from_log(requests, generation, "the replay"), found)
        finally:
            embedded_server.stop(folder / "var")


def _check(
    folder: Path, url: str, generation: Generation, requests: list[str], items: int, rising: bool
) -> Checked:
    """Serve a copy of the generation with `items` hot items, and send it everything."""
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
    row, vectors = generation.catalogue.row, generation.manifest.vectors
    half = len(requests) // 2

    def share(some: list[str]) -> float:
        traffic = gather.traffic_from_log(some, generation, "")
        hits = rising_hits(traffic, np.array([items]), RISING_AFTER_REQUESTS) if rising else None
        return float(
            (static_hits(traffic, np.array([items])) if hits is None else hits)[0] / traffic.requests
        )

    hot = sum((at := row(item)) is not None and at < min(items, vectors) for item in requests[half:])
    checked = Checked(
        items,
        rising,
        len(requests),
        share(requests),
        measured,
        None if rising else share(requests[:half]),
        None if rising else hot / (len(requests) - half),
    )
    click.echo(json.dumps(asdict(checked)))
    return checked


def _measured(client: redis.Redis, keys: Keys, expected: int) -> float:
    """From the service's own counters, all of which are written when it ends."""
    report = hit_rate_report(client, keys, 3_600, lambda _: None)
    if report.requests != expected:
        raise click.ClickException(f"{report.requests} requests were counted of {expected}")
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
