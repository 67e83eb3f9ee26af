"""Show everything on a made-up shop: generate data, rebuild, serve, send requests, report."""

from hybrid_recs.commands.demo import main

if __name__ == "__main__":
    main()
