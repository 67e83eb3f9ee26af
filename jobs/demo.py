"""Show the whole path on a made-up shop: generate, rebuild, serve, ask, report."""

from hybrid_recs.commands.demo import main

if __name__ == "__main__":
    main()
