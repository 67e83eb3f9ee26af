"""Places items by what is written about them: text features, hashed, each with a learned direction.

A text's vector is the sum of the directions of its known features, scaled to length 1. Features are whole
words, pieces of words, and categories, each by its 32-bit hash: no vocabulary is kept, and what is not among
the known hashes says nothing. Weinberger et al., "Feature hashing for large scale multitask learning",
ICML 2009; pieces of words: Bojanowski et al., "Enriching word vectors with subword information", TACL 2017.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hybrid_recs.generation.arrays import open_array, save_array
from hybrid_recs.types import Floats, Rows

Hashes = NDArray[np.uint32]
Description = tuple[str | None, Sequence[str], str | None]
"""Title, categories and free text of one item."""

HASHES_FILE, DIRECTIONS_FILE = "content_hashes.npy", "content_directions.npy"
# Of a longer text the rest is not read: an encode must stay short whoever sends it.
MAX_TEXT_LENGTH = 4_000
_PIECES, _PIECES_WITHOUT_SPACES = (3, 4), (1, 2)
_FIRST_IDEOGRAPH = "\u2e80"  # from here on scripts are written without spaces, or a character is a syllable


class _Letters(dict[int, int | None]):
    """For `str.translate`: what is no letter, digit or mark of a letter becomes a blank."""

    def __missing__(self, code: int) -> int:
        kept = unicodedata.category(chr(code))[0] in "LNM"
        self[code] = code if kept else ord(" ")
        return code if kept else ord(" ")


_LETTERS = _Letters()


def content_tokens(text: str) -> list[str]:
    """Words in order: compatible forms united (NFKC), case folded; marks stay with their letters."""
    folded = unicodedata.normalize("NFKC", text[:MAX_TEXT_LENGTH]).casefold()
    return unicodedata.normalize("NFKC", folded).translate(_LETTERS).split()


def content_features(title: str | None, categories: Sequence[str], text: str | None) -> set[int]:
    """Hashes (32 bits) of all that is said; the lowest bit is set for pieces of words.

    How often and in which order it is said does not count: a title repeated in the text says nothing more.
    """
    words = {word for part in (title, text) if part for word in content_tokens(part)}
    said = {crc32(b"w" + word.encode()) & ~1 for word in words}
    said.update(crc32(b"c" + b" ".join(name)) & ~1 for name in _names(categories))
    pieces = {piece for word in words for piece in _pieces(word)}
    said.update(crc32(b"p" + piece.encode()) | 1 for piece in pieces)
    return said


def _names(categories: Sequence[str]) -> Iterator[list[bytes]]:
    for category in categories:
        if words := content_tokens(category):
            yield [word.encode() for word in words]


def _pieces(word: str) -> Iterator[str]:
    """Runs of characters; "<" and ">", which are in no word, mark its ends."""
    marked = f"<{word}>"
    for size in _PIECES if word[0] < _FIRST_IDEOGRAPH else _PIECES_WITHOUT_SPACES:
        for at in range(len(marked) - size + 1):
            yield marked[at : at + size]


class ContentEncoder:
    """hashes: of the known features (f), ascending. directions: what each adds to a vector (f × d)."""

    def __init__(self, hashes: Hashes, directions: NDArray[np.float16]) -> None:
        self.hashes = hashes
        self.directions = directions

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.directions.shape[1])

    def encode(self, title: str | None, categories: Sequence[str], text: str | None) -> Floats | None:
        """The unit vector (d) of an item; None when nothing of what is said of it is known."""
        said = content_features(title, categories, text)
        known = self._known(np.fromiter(said, np.uint32, len(said)))
        if not len(known):
            return None
        summed = self.directions.take(known, axis=0).sum(axis=0, dtype=np.float32)
        length = np.sqrt(summed @ summed)
        vector: Floats = summed / length
        return vector if length > 0 else None

    def encode_many(self, items: Iterable[Description]) -> tuple[Rows, Floats]:
        """Positions (m, ascending) of the items that get a vector, and these vectors (m × d)."""
        encoded = ((at, self.encode(*item)) for at, item in enumerate(items))
        found = [(at, vector) for at, vector in encoded if vector is not None]
        vectors = np.empty((len(found), self.dimensions), np.float32)
        for place, (_, vector) in enumerate(found):
            vectors[place] = vector
        return np.array([at for at, _ in found], np.int64), vectors

    def _known(self, said: Hashes) -> Rows:
        """Places of the known ones of some features, ascending: sums do not depend on a set's order."""
        said = np.sort(said)
        at = self.hashes.searchsorted(said)
        within = at < len(self.hashes)
        at, said = at[within], said[within]
        return np.asarray(at[self.hashes[at] == said], np.int64)

    def save(self, folder: Path) -> None:
        """Write both arrays."""
        save_array(folder / HASHES_FILE, self.hashes)
        save_array(folder / DIRECTIONS_FILE, self.directions)

    @classmethod
    def open(cls, folder: Path) -> "ContentEncoder":
        """Map what `save` wrote."""
        return cls(open_array(folder / HASHES_FILE), open_array(folder / DIRECTIONS_FILE))
