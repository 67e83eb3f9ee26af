"""The files of the page at `/`, held in memory as they are sent.

Browsers revalidate the page itself on every visit (ETag). The files that it loads have a hash of all files in
their path, so browsers may keep them forever.
"""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from fastapi import Request, Response

_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript"}
_INDEX = "index.html"
_VERSION = b"{version}"  # in index.html
# Nothing from other sites and nothing inline; the icon is a data URL.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_COMMON_HEADERS = {"X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
_INDEX_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PART_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, plain and compressed."""

    plain: bytes
    compressed: bytes
    headers: dict[str, str]

    def response(self, request: Request) -> Response:
        if self.headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(None, 304, self.headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.compressed, 200, self.headers | {"Content-Encoding": "gzip"})
        return Response(self.plain, 200, self.headers)


@dataclass(frozen=True, slots=True)
class PageFiles:
    """version: a hash of all files. index: the file at `/`. parts: the other files by name."""

    version: str
    index: PageFile
    parts: dict[str, PageFile]

    @classmethod
    def load(cls) -> "PageFiles":
        folder = files("hybrid_recs.online.http").joinpath("page")
        contents = {file.name: file.read_bytes() for file in folder.iterdir() if _type_of(file.name)}
        version = _digest(b"".join(contents[name] for name in sorted(contents)))
        contents[_INDEX] = contents[_INDEX].replace(_VERSION, version.encode())
        parts = {name: _file(name, content) for name, content in contents.items()}
        return cls(version, parts.pop(_INDEX), parts)


def _file(name: str, content: bytes) -> PageFile:
    etag = f'W/"{_digest(content)}"'  # weak: the same for both encodings
    own = {"Content-Type": _type_of(name) or "", "ETag": etag}
    headers = _COMMON_HEADERS | own | (_INDEX_HEADERS if name == _INDEX else _PART_HEADERS)
    return PageFile(content, gzip.compress(content, 9, mtime=0), headers)


def _type_of(name: str) -> str | None:
    return _TYPES.get(name.rpartition(".")[2])


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
