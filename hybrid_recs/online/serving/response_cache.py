"""Rendered answers of one snapshot in the worker's own memory, within a bound in bytes.

The answers of a snapshot never change, so an entry is valid for as long as the snapshot serves; the cache
goes with it. Eviction is nearly least-recently-used with two dictionaries, young and old. When the young one
holds half of the bytes it becomes the old one, and the previous old one, with all entries that were not read
since, is dropped. A hit in the young one costs one dictionary lookup; an OrderedDict would reorder on every
hit.
"""

# Of the key, the tuple around it, the dictionary's slot and the bytes object's head, as measured.
_ENTRY_BYTES = 250

_Entries = dict[tuple[str, int], bytes]


class ResponseCache:
    """Bodies by (item id, k); belongs to one event loop. max_bytes: 0 turns it off."""

    def __init__(self, max_bytes: int) -> None:
        self._half = max_bytes // 2
        self._young: _Entries = {}
        self._old: _Entries = {}
        self._young_bytes = 0
        self._old_bytes = 0

    def empty_copy(self) -> "ResponseCache":
        """An empty cache of the same size."""
        return ResponseCache(2 * self._half)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def size_bytes(self) -> int:
        """The memory that the entries take."""
        return self._young_bytes + self._old_bytes

    def get(self, item_id: str, k: int) -> bytes | None:
        key = item_id, k
        body = self._young.get(key)
        if body is None:
            body = self._old.get(key)
            if body is not None:
                self.put(item_id, k, body)
        return body

    def put(self, item_id: str, k: int, body: bytes) -> None:
        """Keep a body; one that is larger than half of the cache is not kept."""
        key, size = (item_id, k), _size(item_id, body)
        if size > self._half:
            return
        if key in self._old:
            self._old_bytes -= _size(item_id, self._old.pop(key))
        if key in self._young:
            self._young_bytes -= _size(item_id, self._young.pop(key))
        if self._young_bytes + size > self._half:
            self._young, self._old = {}, self._young
            self._young_bytes, self._old_bytes = 0, self._young_bytes
        self._young_bytes += size
        self._young[key] = body


def _size(item_id: str, body: bytes) -> int:
    return len(body) + len(item_id) + _ENTRY_BYTES
