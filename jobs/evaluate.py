"""Measure recommendations on held-out interactions: python -m jobs.evaluate --dataset dataset.toml."""

from hybrid_recs.commands.evaluate import main

if __name__ == "__main__":
    main()
