"""A rebuild publishes whatever Redis says, and says what Redis said."""

import io
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console

from hybrid_recs import wiring
from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.cache.user_list_codec import StoredUserList
from hybrid_recs.commands import rebuild_index
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.users.loader import load_user_lists
from hybrid_recs.settings import Settings
from hybrid_recs.types import Neighbours
from tests.services import OwnRedis

MENDED = "the service will load the lists once that is mended"


class _Moved(socketserver.StreamRequestHandler):
    """Answers every command as a node of a cluster does that holds none of the keys."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            if line.startswith(b"*"):
                self.wfile.write(b"-MOVED 866 127.0.0.1:7001\r\n")


@contextmanager
def _cluster() -> Iterator[str]:
    """The URL of such a node."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Moved) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()
        thread.join()


def test_a_rebuild_that_is_not_logged_in_says_so(planted: Path, own_redis: OwnRedis, tmp_path: Path) -> None:
    with connect(own_redis.url) as client:
        client.config_set("requirepass", "secret")
        settings = Settings(index_dir=tmp_path / "index", redis_url=own_redis.url, hot_share=0.5)
        output = io.StringIO()
        rebuild_index.rebuild(planted, None, settings, Steps(Console(file=output, width=400)))
        client.config_set("requirepass", "")
    assert wiring.store(settings).current() is not None
    (line,) = (line for line in output.getvalue().splitlines() if "Load into Redis" in line)
    assert "not loaded: Redis requires a password: set HYBRID_RECS_REDIS_URL to redis://user" in line
    assert MENDED in line


def test_loading_into_a_cluster_says_that_it_is_one(generation: Generation) -> None:
    with _cluster() as url:
        sentence = wiring.load_into_redis(Settings(redis_url=url), generation)
    assert sentence == (
        "not loaded: this Redis is a cluster, which is not supported: set HYBRID_RECS_REDIS_URL to a single "
        f"server; {MENDED}"
    )


def test_a_permission_that_only_the_size_needs_is_not_needed(
    generation: Generation, own_redis: OwnRedis
) -> None:
    with connect(own_redis.url) as client:
        client.execute_command("ACL", "SETUSER", "job", "on", ">secret", "~*", "+@all", "-info")
        settings = Settings(redis_url=own_redis.url.replace("unix://", "unix://job:secret@"))
        sentence = wiring.load_into_redis(settings, generation)
        assert sentence == f"{len(generation.hot)} lists"
        assert client.get(wiring.keys(settings).ready(generation.id)) == b"%d" % len(generation.hot)


def test_loading_users_lists_says_what_redis_said(keys: Keys) -> None:
    neighbours = Neighbours(np.array([1], np.int64), np.array([1.0], np.float32))
    batch = ["u"], [StoredUserList(neighbours, np.array([2], np.int64), 1_700_000_000)]
    with _cluster() as url:
        result = load_user_lists(lambda: connect(url), keys, "g", [batch], 60, 10**6)
    assert result.summary == (
        "not loaded: this Redis is a cluster, which is not supported: set HYBRID_RECS_REDIS_URL to a single "
        "server; users are answered live until this job runs again"
    )
