"""The headers of an answer: prepared or formatted, they say the same."""

import pytest

from hybrid_recs.online.serving.rendered_answer import RenderedAnswer
from hybrid_recs.types import Source


@pytest.mark.parametrize("source", Source)
def test_headers_state_source_time_and_length(source: Source) -> None:
    for us in (0, 1, 7, 511, 512, 513, 99_999, 1_234_567):
        headers = RenderedAnswer(source, us / 1e6, b"body").raw_headers()
        assert headers == [
            (b"server-timing", f"{source.value};dur={us / 1_000:.3f}".encode()),
            (b"content-length", b"4"),
            (b"content-type", b"application/json"),
        ]
