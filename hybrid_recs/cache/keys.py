"""Every Redis key name. A key carries a TTL, or the comment says what bounds it."""

from dataclasses import dataclass

CONSUMER_GROUP = "consumers"
"""Of the event stream: consumers share its entries."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names below one prefix."""

    prefix: str = "hr"

    def neighbours(self, generation: str, item_id: str) -> str:
        """One encoded neighbour list."""
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

    def requested(self, hour: int) -> str:
        """Sorted set of the items most asked for in one hour and about how often, cut to a bound."""
        return f"{self.prefix}:asked:{hour}"

    def flushed(self, worker: str) -> str:
        """Number of the last batch of counters taken from a worker."""
        return f"{self.prefix}:flushed:{worker}"

    def events(self) -> str:
        """Stream of accepted events; trimmed once applied and archived, and refused above a bound."""
        return f"{self.prefix}:events"

    def seen(self, day: int) -> str:
        """Set of the event ids accepted on one day (days since 1970)."""
        return f"{self.prefix}:seen:{day}"

    def session(self, session_id: str) -> str:
        """List of a session's latest items, newest first."""
        return f"{self.prefix}:session:{session_id}"

    def user(self, user_id: str) -> str:
        """List of a user's latest items, newest first."""
        return f"{self.prefix}:user:{user_id}"

    def session_list(self, session_id: str) -> str:
        """What was last computed for a session; also the channel it is announced on."""
        return f"{self.prefix}:pushed:{session_id}"

    def user_list(self, generation: str, user_id: str) -> str:
        """A user's stored list and the history it was made from."""
        return f"{self.prefix}:u:{generation}:{user_id}"

    def interactions(self, window: str, bucket: int) -> str:
        """Sorted set: how often each item was met in one bucket of a trending window."""
        return f"{self.prefix}:met:{window}:{bucket}"

    def trending(self, window: str) -> str:
        """Sorted set: decayed popularity of the most popular items of a window (hour, day, week)."""
        return f"{self.prefix}:trending:{window}"

    def impressions(self) -> str:
        """Stream of a sample of the predictions served, cut to a bound."""
        return f"{self.prefix}:served"

    def event_counts(self) -> str:
        """Hash of how many events were accepted, applied and set aside; three fields."""
        return f"{self.prefix}:event-counts"

    def set_aside(self) -> str:
        """Stream of the latest entries that no consumer could read, cut to a bound."""
        return f"{self.prefix}:set-aside"

    def refreshing(self, window: str) -> str:
        """Held while what is trending in a window needs no refreshing; says who did it last."""
        return f"{self.prefix}:refreshing:{window}"
