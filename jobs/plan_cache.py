"""How large the hot set should be: python -m jobs.plan_cache --help."""

from hybrid_recs.reports.planner.command import command

if __name__ == "__main__":
    command()
