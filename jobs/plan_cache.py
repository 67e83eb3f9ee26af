"""How large the hot set should be: python -m jobs.plan_cache --help."""

from hybrid_recs.commands.plan_cache import command

if __name__ == "__main__":
    command()
