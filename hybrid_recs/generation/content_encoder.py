"""Encodes items from their metadata: hashed text features, each with a learned direction.

An item's vector is the sum of the directions of its known features, scaled to length 1. Features are words,
character n-grams of words, and categories, each by its 32-bit hash: no vocabulary is stored, and features
whose hash is unknown are ignored. Weinberger et al., "Feature hashing for large scale multitask learning",
ICML 2009; n-grams: Bojanowski et al., "Enriching word vectors with subword information", TACL 2017.
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
# Text beyond this is ignored: encoding must be fast whatever a client sends.
MAX_ENCODED_LENGTH = 4_000
_NGRAM_SIZES, _NGRAM_SIZES_WITHOUT_SPACES = (3, 4), (1, 2)
_FIRST_IDEOGRAPH = "\u2e80"  # scripts from here on are written without spaces, or a character is a syllable


class _Letters(dict[int, int | None]):
    """For `str.translate`: characters that are no letter, digit or combining mark become a space."""

    def __missing__(self, code: int) -> int:
        is_letter = unicodedata.category(chr(code))[0] in "LNM"
        self[code] = code if is_letter else ord(" ")
        return code if is_letter else ord(" ")


_LETTERS = _Letters()


def content_tokens(text: str) -> list[str]:
    """The words of a text in order: compatibility forms unified (NFKC), case folded, accents kept."""
    folded = unicodedata.normalize("NFKC", text[:MAX_ENCODED_LENGTH]).casefold()
    return unicodedata.normalize("NFKC", folded).translate(_LETTERS).split()


def content_features(title: str | None, categories: Sequence[str], text: str | None) -> set[int]:
    """Hashes (32 bits) of an item's words, categories and n-grams; the lowest bit is set for n-grams.

    Counts and order are ignored: a title repeated in the text adds nothing.
    """
    words = {word for part in (title, text) if part for word in content_tokens(part)}
    features = {crc32(b"w" + word.encode()) & ~1 for word in words}
    features.update(crc32(b"c" + b" ".join(name)) & ~1 for name in _category_names(categories))
    ngrams = {ngram for word in words for ngram in _ngrams(word)}
    features.update(crc32(b"p" + ngram.encode()) | 1 for ngram in ngrams)
    return features


def _category_names(categories: Sequence[str]) -> Iterator[list[bytes]]:
    for category in categories:
        if words := content_tokens(category):
            yield [word.encode() for word in words]


def _ngrams(word: str) -> Iterator[str]:
    """Character n-grams; "<" and ">", which occur in no word, mark its ends."""
    marked = f"<{word}>"
    for size in _NGRAM_SIZES if word[0] < _FIRST_IDEOGRAPH else _NGRAM_SIZES_WITHOUT_SPACES:
        for start in range(len(marked) - size + 1):
            yield marked[start : start + size]


class ContentEncoder:
    """hashes: of the known features (f), ascending. directions: what each feature adds to a vector (f ×
    d)."""

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
        """The unit vector (d) of an item; None when none of its features is known."""
        features = content_features(title, categories, text)
        positions = self._positions(np.fromiter(features, np.uint32, len(features)))
        if not len(positions):
            return None
        summed = self.directions.take(positions, axis=0).sum(axis=0, dtype=np.float32)
        length = np.sqrt(summed @ summed)
        vector: Floats = summed / length
        return vector if length > 0 else None

    def encode_many(self, items: Iterable[Description]) -> tuple[Rows, Floats]:
        """Positions (m, ascending) of the items that get a vector, and these vectors (m × d)."""
        encoded = ((number, self.encode(*item)) for number, item in enumerate(items))
        placed = [(number, vector) for number, vector in encoded if vector is not None]
        vectors = np.empty((len(placed), self.dimensions), np.float32)
        for position, (_, vector) in enumerate(placed):
            vectors[position] = vector
        return np.array([number for number, _ in placed], np.int64), vectors

    def _positions(self, features: Hashes) -> Rows:
        """Positions of the known features, ascending, so that a sum does not depend on the order of a set."""
        features = np.sort(features)
        positions = self.hashes.searchsorted(features)
        within = positions < len(self.hashes)
        positions, features = positions[within], features[within]
        return np.asarray(positions[self.hashes[positions] == features], np.int64)

    def save(self, folder: Path) -> None:
        """Write both arrays."""
        save_array(folder / HASHES_FILE, self.hashes)
        save_array(folder / DIRECTIONS_FILE, self.directions)

    @classmethod
    def open(cls, folder: Path) -> "ContentEncoder":
        """Map what `save` wrote."""
        return cls(open_array(folder / HASHES_FILE), open_array(folder / DIRECTIONS_FILE))
