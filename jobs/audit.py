"""Compare what Redis serves with what live search says: python -m jobs.audit; exit status 1 when a bound is
broken."""

from hybrid_recs.commands.audit import main

if __name__ == "__main__":
    main()
