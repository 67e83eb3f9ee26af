"""Precompute every user's list: python -m jobs.recommend_users --dataset dataset.toml."""

from hybrid_recs.commands.recommend_users import main

if __name__ == "__main__":
    main()
