"""Every Redis key name, with the key's TTL, or the bound of a key that never expires."""

from dataclasses import dataclass

CONSUMER_GROUP = "consumers"
"""The consumer group of the event stream: its consumers share the entries."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names with one prefix."""

    prefix: str = "hr"

    def neighbours(self, generation: str, item_id: str) -> str:
        """One encoded neighbour list. TTL: list_ttl_days, renewed while the generation serves; 1 hour at
        most for a rising item; 10 minutes once another generation serves."""
        return f"{self.prefix}:n:{generation}:{item_id}"

    def ready(self, generation: str) -> str:
        """The number of lists loaded; absent: not, or no longer, loaded. TTL: four fifths of the lists'."""
        return f"{self.prefix}:ready:{generation}"

    def loading(self, generation: str) -> str:
        """Lease of the one process that is loading a generation's lists. TTL: 60 s."""
        return f"{self.prefix}:loading:{generation}"

    def stats(self, minute: int) -> str:
        """Hash of the counters of one minute (minutes since 1970). TTL: 8 days."""
        return f"{self.prefix}:stats:{minute}"

    def missed(self, hour: int) -> str:
        """Sorted set of the most missed items of one hour. TTL: 8 days; bound: 5,000 items."""
        return f"{self.prefix}:missed:{hour}"

    def requested(self, hour: int) -> str:
        """Sorted set of the most requested items of one hour and an estimate of their requests. TTL: 8 days;
        bound: 5,000 items."""
        return f"{self.prefix}:asked:{hour}"

    def flushed(self, worker: str) -> str:
        """The number of the last batch of counters added for a worker. TTL: 8 days."""
        return f"{self.prefix}:flushed:{worker}"

    def probe(self) -> str:
        """Written by workers to see whether Redis takes writes. TTL: 1 minute."""
        return f"{self.prefix}:probe"

    def events(self) -> str:
        """Stream of accepted events. No TTL; entries are trimmed once applied and archived, and events are
        refused above events_max_pending."""
        return f"{self.prefix}:events"

    def seen(self, day: int) -> str:
        """Set of the ids of the events accepted on one day (days since 1970). TTL: 2 days."""
        return f"{self.prefix}:seen:{day}"

    def session(self, session_id: str) -> str:
        """List of a session's latest items, newest first. TTL: session_hours; bound: 50 items."""
        return f"{self.prefix}:session:{session_id}"

    def user(self, user_id: str) -> str:
        """List of a user's latest items, newest first. TTL: user_days; bound: 50 items."""
        return f"{self.prefix}:user:{user_id}"

    def session_list(self, session_id: str) -> str:
        """The list that the consumer computed for a session; also the channel it is announced on. TTL: 1
        hour."""
        return f"{self.prefix}:pushed:{session_id}"

    def user_list(self, generation: str, user_id: str) -> str:
        """A user's stored list and the history it was made from. TTL: list_ttl_days; 10 minutes
        once another generation serves."""
        return f"{self.prefix}:u:{generation}:{user_id}"

    def interactions(self, window: str, bucket: int) -> str:
        """Sorted set of items by their events in one bucket of a trending window. TTL: the window and two
        buckets; bound: 10,000 items."""
        return f"{self.prefix}:met:{window}:{bucket}"

    def trending(self, window: str) -> str:
        """Sorted set of the most popular items of a window (hour, day, week) by decayed popularity. TTL: 30
        refreshes, at least 10 minutes; bound: 1,000 items."""
        return f"{self.prefix}:trending:{window}"

    def impressions(self) -> str:
        """Stream of a sample of the answers served. No TTL; bound: about 200,000 entries."""
        return f"{self.prefix}:served"

    def event_counts(self) -> str:
        """Hash of how many events were accepted, applied and set aside. No TTL; three fields."""
        return f"{self.prefix}:event-counts"

    def set_aside(self) -> str:
        """Stream of the entries that no consumer could read. No TTL; bound: the latest 1,000 entries."""
        return f"{self.prefix}:set-aside"

    def refreshing(self, window: str) -> str:
        """Lease that says which consumer refreshed a trending window last. TTL: the window's refresh
        interval."""
        return f"{self.prefix}:refreshing:{window}"
