"""The hybrid-recs command: lists its commands; each is a file in commands/."""

import click

import hybrid_recs
from hybrid_recs.commands.check import check
from hybrid_recs.commands.explain import explain_pair
from hybrid_recs.commands.generations import generations
from hybrid_recs.commands.init_dataset import init_dataset
from hybrid_recs.commands.plan_cache import command as plan
from hybrid_recs.commands.serve import serve
from hybrid_recs.commands.stop_redis import stop_redis


@click.group(help=hybrid_recs.__doc__)
@click.version_option(hybrid_recs.__version__)
def main() -> None:
    """Group of all commands."""


for command in (serve, init_dataset, check, plan, explain_pair, generations, stop_redis):
    main.add_command(command)

if __name__ == "__main__":
    main()
