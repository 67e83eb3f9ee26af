"""How large the hot set should be: hit rates of every size, and what each costs and saves."""
