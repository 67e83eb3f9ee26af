"""CPU affinity: the server under test has a core to itself, and the client and Redis share another one.

This is the same for every comparator. A child process inherits the cores of its parent.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ALL = sorted(os.sched_getaffinity(0))
SERVER = {ALL[0]}
CLIENT = {ALL[-1]}


@contextmanager
def pinned_to(cores: set[int]) -> Iterator[None]:
    """Pin this thread, and the processes that it starts meanwhile, to these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
