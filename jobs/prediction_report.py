"""Report clicks on logged impressions: python -m jobs.prediction_report --window 24h."""

from hybrid_recs.commands.prediction_report import main

if __name__ == "__main__":
    main()
