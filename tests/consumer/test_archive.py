"""The archive holds every event once, in days, whatever is interrupted; the stream loses nothing early."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
import redis

from hybrid_recs.cache.keys import CONSUMER_GROUP, Keys
from hybrid_recs.consumer.archive import MAX_EVENTS_PER_FILE, Archive, last_archived
from hybrid_recs.events.event import Event
from hybrid_recs.offline.data.dataset import read_dataset
from hybrid_recs.offline.sources.dataset_config import DatasetConfig
from tests.consumers import accept_events
from tests.paths import ROOT

DAY = 86_400_000
EXAMPLE = ROOT / "examples" / "events.toml"


@pytest.fixture
def archive(client: redis.Redis, keys: Keys, tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(client, keys, tmp_path / "events", 60)) as opened:
        yield opened


def _add(client: redis.Redis, keys: Keys, entry_id: str, number: int) -> None:
    event = Event(f"e{number}", "view", "i", 1.5, session_id="s")
    client.xadd(keys.events(), {"e": event.encoded()}, id=entry_id)


def _consume(client: redis.Redis, keys: Keys, acknowledged: int) -> None:
    """Everything is delivered, and so many of the first entries are acknowledged."""
    client.xgroup_create(keys.events(), CONSUMER_GROUP, "0")
    client.xreadgroup(CONSUMER_GROUP, "c", {keys.events(): ">"})
    for entry_id, _ in (client.xrange(keys.events()) or [])[:acknowledged]:
        client.xack(keys.events(), CONSUMER_GROUP, entry_id)  # type: ignore[arg-type]


def _ids(folder: Path) -> list[str]:
    return pl.read_parquet(folder)["event_id"].to_list()


def test_columns_and_days(client: redis.Redis, keys: Keys, archive: Archive, tmp_path: Path) -> None:
    for number, entry_id in enumerate(
        (f"{DAY - 1}-0", f"{DAY - 1}-7", f"{DAY}-0", f"{3 * DAY - 1}-0", f"{3 * DAY}-5")
    ):
        _add(client, keys, entry_id, number)
    assert archive.keep(0.0) == 5
    names = sorted(str(p.relative_to(tmp_path / "events")) for p in tmp_path.glob("events/*/*"))
    assert names == [
        f"day=1970-01-01/{DAY - 1}-0-{DAY - 1}-7.parquet",
        f"day=1970-01-02/{DAY}-0-{DAY}-0.parquet",
        f"day=1970-01-03/{3 * DAY - 1}-0-{3 * DAY - 1}-0.parquet",
        f"day=1970-01-04/{3 * DAY}-5-{3 * DAY}-5.parquet",
    ]
    assert last_archived(tmp_path / "events") == (3 * DAY, 5)
    frame = pl.read_parquet(tmp_path / "events" / names[0])
    assert frame.rows()[1] == ("e1", "view", None, "s", "i", 1.5, None, (DAY - 1) / 1_000)
    assert frame.schema["time"] == frame.schema["received"] == pl.Float64


def test_small_files_wait_and_full_ones_do_not(
    client: redis.Redis, keys: Keys, archive: Archive, tmp_path: Path
) -> None:
    accept_events(client, keys, ["i"] * 10)
    assert [archive.keep(at) for at in (0.0, 1.0)] == [10, 0]
    accept_events(client, keys, ["i"] * 10, first=10)
    assert [archive.keep(at) for at in (59.0, 60.0)] == [0, 10]
    accept_events(client, keys, ["i"] * (MAX_EVENTS_PER_FILE + 5), first=20)
    assert archive.keep(61.0) == MAX_EVENTS_PER_FILE
    assert archive.keep(120.0) == 5
    assert _ids(tmp_path / "events") == [f"e{n}" for n in range(MAX_EVENTS_PER_FILE + 25)]


def test_one_archiver_a_folder(client: redis.Redis, keys: Keys, archive: Archive, tmp_path: Path) -> None:
    accept_events(client, keys, ["i"])
    other = Archive(client, keys, tmp_path / "events", 60)
    assert archive.keep(0.0) == 1
    accept_events(client, keys, ["i"], first=1)
    assert other.keep(0.0) == 0
    archive.close()
    assert other.keep(0.0) == 1
    other.close()
    assert _ids(tmp_path / "events") == ["e0", "e1"]


@pytest.mark.parametrize(("acknowledged", "left"), [(0, 10), (4, 6), (10, 0)])
def test_only_what_is_archived_and_applied_is_trimmed(
    client: redis.Redis, keys: Keys, archive: Archive, acknowledged: int, left: int
) -> None:
    accept_events(client, keys, ["i"] * 10)
    _consume(client, keys, acknowledged)
    archive.keep(0.0)
    assert client.xlen(keys.events()) == left
    accept_events(client, keys, ["i"] * 3, first=10)
    archive.keep(100.0)
    assert client.xlen(keys.events()) == left + 3  # archived, but delivered to nobody yet


def test_without_any_consumer_nothing_is_trimmed(client: redis.Redis, keys: Keys, archive: Archive) -> None:
    accept_events(client, keys, ["i"] * 10)
    assert archive.keep(0.0) == 10
    assert client.xlen(keys.events()) == 10


def test_ended_between_writing_and_trimming(
    client: redis.Redis, keys: Keys, archive: Archive, tmp_path: Path
) -> None:
    """The next one goes on after the files that are there, and removes half a file."""
    accept_events(client, keys, ["i"] * 10)
    archive.keep(0.0)
    archive.close()
    _consume(client, keys, 10)
    (day,) = tmp_path.glob("events/day=*")
    (day / "1-0-2-0.parquet.new").write_bytes(b"half a file")
    accept_events(client, keys, ["i"] * 5, first=10)
    heir = Archive(client, keys, tmp_path / "events", 60)
    assert heir.keep(0.0) == 5
    heir.close()
    assert _ids(tmp_path / "events") == [f"e{n}" for n in range(15)]
    assert client.xlen(keys.events()) == 5
    assert not list(day.glob("*.new"))


def test_the_example_dataset_reads_it_back(
    client: redis.Redis, keys: Keys, archive: Archive, tmp_path: Path
) -> None:
    accept_events(client, keys, ["01", "02", "01"], session="visitor")
    accept_events(client, keys, ["03"], first=3, session="other", user_id="u")
    archive.keep(0.0)
    dataset = read_dataset(DatasetConfig.load(EXAMPLE, tmp_path), 100)
    pairs = {(u, i) for u, i in dataset.pairs.select("user", "item").iter_rows()}
    assert pairs == {("visitor", "01"), ("visitor", "02"), ("u", "03")}
