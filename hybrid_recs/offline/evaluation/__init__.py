"""Measures recommendations on held-out interactions, beside named baselines."""
