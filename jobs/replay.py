"""Send the latest interactions as requests: python -m jobs.replay --dataset dataset.toml --days 30."""

from hybrid_recs.commands.replay import main

if __name__ == "__main__":
    main()
