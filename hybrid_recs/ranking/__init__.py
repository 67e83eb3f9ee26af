"""The decision: fallback chain, candidates, filters, diversity, explanations. Pure: no I/O."""
