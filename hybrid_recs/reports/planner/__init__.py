"""How large the hot set should be: the hit rate, cost and saving of each size."""
