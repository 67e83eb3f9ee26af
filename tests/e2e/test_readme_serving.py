"""The README's request and its answer, on the demo's products with fewer interactions."""

import json
from pathlib import Path

from tests.docs.pages import fenced
from tests.e2e.readme import README, command, run, serving, wait_until_ready

SMALL = "make -s setup && .venv/bin/python -m jobs.demo --interactions 100000 --requests 100"


def test_one_request_and_the_report(checkout: Path) -> None:
    run(SMALL, checkout, {"HYBRID_RECS_HOT_SHARE": "0.3"})
    with serving(checkout) as port:
        wait_until_ready(port)
        answer = json.loads(run(command("curl ").replace(":8000", f":{port}"), checkout))
        assert "item requests, hit rate" in run(command("make hit-rate-report"), checkout)
    (shown,) = map(json.loads, fenced(README, "json"))
    assert answer.keys() == shown.keys()
    assert answer["item_id"] == shown["item_id"]
    assert answer["source"] == shown["source"] == "cache"
    assert [item.keys() for item in answer["items"]] == [item.keys() for item in shown["items"]]
    titles = [item["title"] for item in answer["items"]]
    assert all("Running" in title for title in titles), "a running shoe's neighbours are running gear"
