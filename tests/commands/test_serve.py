"""`hybrid-recs serve` leaves nothing behind."""

import os
import signal
from pathlib import Path

import pytest

from hybrid_recs.demo.child_service import child_service
from tests.services import wait_until


@pytest.mark.parametrize("workers", [1, 2])
def test_the_counters_of_a_service_that_is_stopped_are_gone(
    workers: int, environment: dict[str, str], tmp_path: Path
) -> None:
    counters = tmp_path / "var" / "counters"
    settings = environment | {
        "HYBRID_RECS_VAR_DIR": str(tmp_path / "var"),
        "HYBRID_RECS_REDIS_URL": "redis://127.0.0.1:1/0",
        "HYBRID_RECS_INDEX_DIR": str(tmp_path / "index"),
    }
    with child_service(tmp_path / "log", settings, workers, "/healthz") as service:
        assert list(counters.iterdir())
        os.kill(service.pid, signal.SIGTERM)
        wait_until(lambda: not list(counters.iterdir()), what="the end of the counters")
