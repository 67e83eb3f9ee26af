"""What an event may be, and what accepting a batch does in Redis."""

from collections.abc import Sequence
from threading import Thread
from typing import Any

import pytest
import redis

from hybrid_recs.cache.client import connect
from hybrid_recs.cache.keys import Keys
from hybrid_recs.events.event import ACCEPT, BadEventError, Event, accept_arguments, parse
from hybrid_recs.types import MAX_ID_LENGTH, SECONDS_PER_DAY
from tests.consumers import state_of

NOW = 1_790_000_000.0
GOOD: dict[str, Any] = {"event_id": "e1", "type": "view", "session_id": "s", "item_id": "i"}
SESSION_TTL, USER_TTL = 3_600, 86_400


def event_of(number: int, session: str = "s", time: float = NOW, **fields: Any) -> Event:
    return Event(f"e{number}", "view", f"i{number}", time, session_id=session, **fields)


def accept(
    client: redis.Redis, keys: Keys, events: Sequence[Event], now: float = NOW, most: int = 10_000
) -> Any:
    names, arguments = accept_arguments(keys, events, now, most, SESSION_TTL, USER_TTL)
    return client.eval(ACCEPT, len(names), *names, *arguments)


class TestParse:
    def test_a_good_event(self) -> None:
        raw = GOOD | {"time": "2026-09-21T13:33:20+02:00", "user_id": "u", "recommendation_id": "r"}
        expected = Event("e1", "view", "i", 1_789_990_400.0, "u", "s", "r")
        assert parse(raw, NOW) == expected
        assert Event.decode({b"e": expected.encoded()}) == expected

    @pytest.mark.parametrize(
        ("time", "seconds"),
        [
            (None, NOW),
            (0, 0.0),
            (1_700_000_000.25, 1_700_000_000.25),
            ("1970-01-01", 0.0),
            ("2023-11-14T22:13:20", 1_700_000_000.0),
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            (NOW + 299, NOW + 299),
        ],
    )
    def test_times(self, time: object, seconds: float) -> None:
        assert parse(GOOD | {"time": time}, NOW).time == seconds

    @pytest.mark.parametrize(
        ("change", "code", "named"),
        [
            ({"event_id": None}, "missing_field", "event_id"),
            ({"item_id": None}, "missing_field", "item_id"),
            ({"type": None}, "missing_field", "type"),
            ({"session_id": None}, "missing_field", "user_id, session_id"),
            ({"event_id": ""}, "invalid_id", "event_id"),
            ({"item_id": 7}, "invalid_id", "item_id"),
            ({"user_id": "u" * (MAX_ID_LENGTH + 1)}, "invalid_id", "user_id"),
            ({"recommendation_id": []}, "invalid_id", "recommendation_id"),
            ({"type": "a view"}, "invalid_type", "type"),
            ({"type": "view\n"}, "invalid_type", "type"),
            ({"type": "v" * 65}, "invalid_type", "type"),
            ({"time": -1}, "invalid_time", "before 1970"),
            ({"time": NOW + 301}, "invalid_time", "in the future"),
            ({"time": NOW * 1_000}, "invalid_time", "not milliseconds"),
            ({"time": "yesterday"}, "invalid_time", "ISO"),
            ({"time": "0001-01-01T00:00:00+14:00"}, "invalid_time", "time"),
            ({"time": True}, "invalid_time", "time"),
            ({"price": 3}, "unknown_field", "price"),
        ],
    )
    def test_bad_events_say_why(self, change: dict[str, Any], code: str, named: str) -> None:
        with pytest.raises(BadEventError, match=named) as caught:
            parse(GOOD | change, NOW)
        assert caught.value.code == code

    @pytest.mark.parametrize("raw", [None, "view", 3, [], [GOOD]])
    def test_what_is_no_object_is_no_event(self, raw: object) -> None:
        with pytest.raises(BadEventError):
            parse(raw, NOW)

    @pytest.mark.parametrize(
        "fields", [None, {}, {b"x": b"1"}, {b"e": b"{"}, {b"e": b"[]"}, {b"e": b'{"event_id":"e"}'}]
    )
    def test_an_entry_that_holds_no_event(self, fields: dict[bytes, bytes] | None) -> None:
        assert Event.decode(fields) is None


class TestAccept:
    def test_appends_and_updates_both_states(self, client: redis.Redis, keys: Keys) -> None:
        events = [event_of(1, user_id="u"), event_of(2, user_id="u"), event_of(3, "other")]
        assert accept(client, keys, events) == [1, 1, 1]
        entries = client.xrange(keys.events())
        assert entries is not None
        assert [Event.decode(fields) for _, fields in entries] == events  # type: ignore[arg-type]
        ids = [entry_id for entry_id, _ in entries]
        for name in (keys.session("s"), keys.user("u")):
            assert state_of(client, name) == (["i1", "i2"], ids[1])
        assert state_of(client, keys.session("other")) == (["i3"], ids[2])
        assert SESSION_TTL - 60 < client.ttl(keys.session("s")) <= SESSION_TTL
        assert USER_TTL - 60 < client.ttl(keys.user("u")) <= USER_TTL
        assert client.hgetall(keys.event_counts()) == {b"accepted": b"3"}

    def test_an_event_id_counts_once(self, client: redis.Redis, keys: Keys) -> None:
        first, second = event_of(1), event_of(2)
        assert accept(client, keys, [first, first]) == [1, 0]
        assert accept(client, keys, [second, first]) == [1, 0]
        # The clock of another worker is past midnight, or not there yet.
        for day in (-1, 1):
            assert accept(client, keys, [first, second], NOW + day * SECONDS_PER_DAY) == [0, 0]
        assert client.xlen(keys.events()) == 2
        assert state_of(client, keys.session("s"))[0][-1] == "i2"
        seen = keys.seen(int(NOW // SECONDS_PER_DAY))
        assert client.scard(seen) == 2
        assert 2 * SECONDS_PER_DAY - 60 < client.ttl(seen) <= 2 * SECONDS_PER_DAY

    def test_concurrent_posts_of_the_same_events(
        self, client: redis.Redis, keys: Keys, redis_url: str
    ) -> None:
        events, results = [event_of(n) for n in range(200)], list[int]()

        def post() -> None:
            with connect(redis_url) as own:
                results.extend(accept(own, keys, events[at : at + 10])[0] for at in range(0, 200, 10))

        threads = [Thread(target=post) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(results) == 20
        assert client.xlen(keys.events()) == 200

    def test_states_are_bounded_and_old_events_leave_them_alone(
        self, client: redis.Redis, keys: Keys
    ) -> None:
        accept(client, keys, [event_of(n, user_id="u") for n in range(60)])
        accept(client, keys, [event_of(99, user_id="u", time=NOW - SESSION_TTL)])
        items, _ = state_of(client, keys.session("s"))
        assert items == [f"i{n}" for n in range(10, 60)]
        items, _ = state_of(client, keys.user("u"))
        assert items == [f"i{n}" for n in (*range(11, 60), 99)]
        assert client.xlen(keys.events()) == 61

    def test_over_the_bound_the_whole_batch_is_refused(self, client: redis.Redis, keys: Keys) -> None:
        assert accept(client, keys, [event_of(1), event_of(2)], most=2) == [1, 1]
        before = state_of(client, keys.session("s"))
        assert accept(client, keys, [event_of(3), event_of(4)], most=2) == 2
        assert client.xlen(keys.events()) == 2
        assert state_of(client, keys.session("s")) == before
        assert accept(client, keys, [event_of(3)], most=3) == [1]
