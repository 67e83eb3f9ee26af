"""Consumers that die: python -m tests.consumer.killed URL INDEX FOLDER.

For n = 1, 2, … a process consumes and archives 30 events and is killed before, or after, its n-th exchange
with Redis, until one is not killed any more; another process then does what is left. Prints how many died.

A program of its own, which does nothing but fork: what libraries with threads do in a process that was forked
while they were at work is not for this test.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from redis.client import Pipeline

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.generation.vector_index import use_one_thread_per_search
from tests.consumers import accept_events, apply_all, worker_on
from tests.planted import item_id

ITEMS = [item_id(n % 3, n % 5) for n in range(30)]


def _kill_at(n: int, after: bool) -> None:
    """From now on, end this process before or after its n-th exchange with Redis."""
    done = 0

    def killing(exchange: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == n and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = exchange(*arguments, **options)
            if done == n:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return counted

    for kind, name in ((redis.Redis, "execute_command"), (Pipeline, "execute")):
        setattr(kind, name, killing(getattr(kind, name)))


def _in_a_process(work: Callable[[], None]) -> bool:
    """Whether it was killed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        assert os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def main(url: str, index: Path, folder: Path) -> None:
    for when in ("before", "after"):
        n, killed = 0, True
        while killed:
            n += 1
            keys, archive = Keys(f"{when}-{n}"), folder / f"{when}-{n}"

            def doomed(keys: Keys = keys, archive: Path = archive, n: int = n, when: str = when) -> None:
                with connect(url) as client:
                    accept_events(client, keys, ITEMS)
                _kill_at(n, when == "after")
                worker = worker_on(url, keys, index, archive)
                worker.step()
                worker.archive.keep()

            def heir(keys: Keys = keys, archive: Path = archive) -> None:
                worker = worker_on(url, keys, index, archive)
                with connect(url) as client:
                    apply_all(worker, client, keys, len(ITEMS))
                worker.archive.keep()

            killed = _in_a_process(doomed)
            assert not _in_a_process(heir)
        print(when, n - 1)


if __name__ == "__main__":
    use_one_thread_per_search()
    main(sys.argv[1], *map(Path, sys.argv[2:]))
