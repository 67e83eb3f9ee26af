"""The HTTP edge: fast path, guard, routes, schemas, responses, the page."""
