"""Show everything on a made-up shop: generate data, rebuild, serve, send requests, report."""

import click
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.commands import rebuild_index
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.demo import replay, walkthrough
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.demo.shop import write_demo_shop
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.progress import Steps
from hybrid_recs.reports.terminal import print_hit_rates
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.hit_rates import hit_rate_report


@click.command(help=__doc__)
@click.option("--products", default=20_000, show_default=True, help="number of products in the shop")
@click.option("--interactions", default=1_000_000, show_default=True, help="views, carts and purchases")
@click.option("--requests", default=4_000, show_default=True, help="number of requests to send")
def main(products: int, interactions: int, requests: int) -> None:
    """Run the demo; leaves a published generation behind."""
    steps, configured = Steps(), Settings()
    with print_errors(steps.console):
        folder = configured.var_dir / "demo"
        index_dir = walkthrough.demo_index_dir(configured.index_dir, folder / "index")
        settings = configured.model_copy(update={"index_dir": index_dir})
        with steps("Make up a shop") as step:
            dataset = write_demo_shop(folder, products, interactions)
            step.done(f"{products:,} products, about {interactions:,} interactions, in {folder}")
        generation = rebuild_index.rebuild(dataset, None, settings, steps)
        environment = walkthrough.service_environment(index_dir, wiring.redis_url(settings))
        with child_service(folder / "service.log", environment) as service:
            with steps("Send requests") as step:
                step.expect(requests)
                item_ids = walkthrough.traffic(generation, requests)
                result = replay.send(service.url, item_ids, on_progress=step.advance)
                step.done(f"{result.sources.total():,} answered, {result.failures.total():,} failed")
            walkthrough.print_neighbours(service.url, generation, steps.console)
        print_report(settings, generation, steps.console)
        own_index_dir = None if index_dir == configured.index_dir else index_dir
        walkthrough.print_next_steps(generation, own_index_dir, steps.console)


def print_report(settings: Settings, generation: Generation, console: Console) -> None:
    """The hit rates of this demo's requests alone."""
    with wiring.redis_client(settings) as client:
        report = hit_rate_report(
            client, wiring.keys(settings), 3_600, walkthrough.title_of(generation), generation.id
        )
    print_hit_rates(report, console)
