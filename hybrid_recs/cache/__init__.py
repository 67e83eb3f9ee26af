"""Redis: key names, clients, neighbour and user lists, the embedded server."""
