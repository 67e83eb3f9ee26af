"""Which core does what: the server under test has one to itself, and the client and Redis share another.

The same for every comparator. A child process inherits the cores of the one that starts it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ALL = sorted(os.sched_getaffinity(0))
SERVER = {ALL[0]}
CLIENT = {ALL[-1]}


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """This thread, and what it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
