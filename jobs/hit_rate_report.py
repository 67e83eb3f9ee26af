"""Report which tier answered and what to change: python -m jobs.hit_rate_report --window 24h."""

from hybrid_recs.commands.hit_rate_report import main

if __name__ == "__main__":
    main()
