"""The windows of what is trending: each is counted in buckets of time, and older buckets weigh less."""

from dataclasses import dataclass

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """All in seconds. Buckets older than `length` do not count; one that is `half_life` old counts half."""

    name: str
    length: int
    bucket: int
    half_life: int
    refresh: int

    def bucket_of(self, time: float) -> int:
        """The number of the bucket a moment falls into."""
        return int(time // self.bucket)

    def weights(self, now: float) -> dict[int, float]:
        """The buckets that count now, newest first, and what an event in each weighs."""
        newest = self.bucket_of(now)
        return {
            newest - age: 0.5 ** (age * self.bucket / self.half_life)
            for age in range(self.length // self.bucket + 1)
        }

    @property
    def keep(self) -> int:
        """For how long a bucket must be kept after it was last added to."""
        return self.length + 2 * self.bucket


WINDOWS = (
    Window("hour", _HOUR, 5 * _MINUTE, 20 * _MINUTE, 2),
    Window("day", _DAY, _HOUR, 8 * _HOUR, 10),
    Window("week", 7 * _DAY, 6 * _HOUR, 2 * _DAY, 60),
)
