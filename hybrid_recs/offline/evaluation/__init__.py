"""Measures recommendations on held-out interactions, compared with named baselines."""
