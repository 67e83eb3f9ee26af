"""Every Redis key name. A key carries a TTL, or the comment says what bounds it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names below one prefix."""

    prefix: str = "hr"

    def neighbours(self, generation: str, item_id: str) -> str:
        """One packed neighbour list."""
        return f"{self.prefix}:n:{generation}:{item_id}"

    def ready(self, generation: str) -> str:
        """How many lists were loaded; absent: not (or no longer) loaded."""
        return f"{self.prefix}:ready:{generation}"

    def loading(self, generation: str) -> str:
        """Held by the one process that is loading a generation's lists."""
        return f"{self.prefix}:loading:{generation}"

    def stats(self, minute: int) -> str:
        """Hash of counters of one minute (minutes since 1970)."""
        return f"{self.prefix}:stats:{minute}"

    def missed(self, hour: int) -> str:
        """Sorted set of the most missed items of one hour, cut to a bound."""
        return f"{self.prefix}:missed:{hour}"

    def flushed(self, worker: str) -> str:
        """Number of the last batch of counters taken from a worker."""
        return f"{self.prefix}:flushed:{worker}"
