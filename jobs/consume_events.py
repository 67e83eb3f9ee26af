"""Apply events as they arrive: update session lists and trending items, archive. Run any number of these."""

from hybrid_recs.commands.consume_events import main

if __name__ == "__main__":
    main()
