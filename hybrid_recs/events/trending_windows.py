"""The windows of trending items: events are counted in buckets of time, and older buckets weigh less."""

from dataclasses import dataclass

from hybrid_recs.types import SECONDS_PER_DAY

_MINUTE, _HOUR, _DAY = 60, 3_600, SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Window:
    """All in seconds. Buckets older than `length` do not count; a bucket `half_life` old weighs half."""

    name: str
    length: int
    bucket: int
    half_life: int
    refresh: int

    def bucket_of(self, time: float) -> int:
        """The number of the bucket of a time."""
        return int(time // self.bucket)

    def weights(self, now: float) -> dict[int, float]:
        """The buckets that count now, newest first, and the weight of an event in each."""
        newest = self.bucket_of(now)
        return {
            newest - age: 0.5 ** (age * self.bucket / self.half_life)
            for age in range(self.length // self.bucket + 1)
        }

    @property
    def keep(self) -> int:
        """How long a bucket must be kept after the last event in it."""
        return self.length + 2 * self.bucket


WINDOWS = (
    Window("hour", _HOUR, 5 * _MINUTE, 20 * _MINUTE, 2),
    Window("day", _DAY, _HOUR, 8 * _HOUR, 10),
    Window("week", 7 * _DAY, 6 * _HOUR, 2 * _DAY, 60),
)
