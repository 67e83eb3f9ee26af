"""Apply events as they come in: push to sessions, count what is trending, archive. Run as many as needed."""

from hybrid_recs.commands.consume_events import main

if __name__ == "__main__":
    main()
