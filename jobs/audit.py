"""Compare the lists in Redis with live answers: python -m jobs.audit; exit status 1 if a bound is not met."""

from hybrid_recs.commands.audit import main

if __name__ == "__main__":
    main()
