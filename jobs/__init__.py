"""Recipes: one file per scheduled job, the order of its steps and nothing else."""
