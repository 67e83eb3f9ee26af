"""Show the whole path on a made-up shop: generate, rebuild, serve, ask, report."""

import click
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import connect
from hybrid_recs.commands import rebuild_index
from hybrid_recs.commands.error_messages import reported
from hybrid_recs.demo import replay, walkthrough
from hybrid_recs.demo.child_service import child_service
from hybrid_recs.demo.shop import write_demo_shop
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.progress import Steps
from hybrid_recs.reports.terminal import print_hit_rates
from hybrid_recs.settings import Settings
from hybrid_recs.telemetry.hit_rates import hit_rate_report


@click.command(help=__doc__)
@click.option("--products", default=20_000, show_default=True, help="size of the shop")
@click.option("--interactions", default=1_000_000, show_default=True, help="views, carts and purchases")
@click.option("--requests", default=4_000, show_default=True, help="how many to send")
def main(products: int, interactions: int, requests: int) -> None:
    """Run the demo; leaves a published generation behind."""
    steps = Steps()
    with reported(steps.console):
        settings = walkthrough.settings_of_its_own(Settings())
        folder = settings.var_dir / "demo"
        with steps("Make up a shop") as step:
            description = write_demo_shop(folder, products, interactions)
            step.done(f"{products:,} products, about {interactions:,} interactions, in {folder}")
        generation = rebuild_index.rebuild(description, None, settings, steps)
        environment = walkthrough.environment(settings, wiring.redis_url(settings))
        with child_service(folder / "service.log", environment) as service:
            with steps("Send requests") as step:
                step.expect(requests)
                asked = walkthrough.traffic(generation, requests)
                outcome = replay.send(service.url, asked, on_progress=step.advance)
                step.done(f"{outcome.sources.total():,} answered, {outcome.failures.total():,} failed")
            walkthrough.print_neighbours(service.url, generation, steps.console)
        print_report(settings, generation, steps.console)
        walkthrough.print_next_steps(settings, generation, steps.console)


def print_report(settings: Settings, generation: Generation, console: Console) -> None:
    """What this demo's requests were answered by, and nothing else's."""
    with connect(wiring.redis_url(settings)) as client:
        report = hit_rate_report(
            client, wiring.keys(settings), 3_600, walkthrough.title_of(generation), generation.id
        )
    print_hit_rates(report, console)
