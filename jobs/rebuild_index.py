"""Rebuild the index from a dataset and publish it: python -m jobs.rebuild_index --dataset dataset.toml."""

from hybrid_recs.commands.rebuild_index import main

if __name__ == "__main__":
    main()
