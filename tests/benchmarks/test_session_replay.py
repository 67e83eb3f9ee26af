"""What is counted as a case when sessions are replayed, and what the service is told when."""

from pathlib import Path

from benchmarks.session_replay import Directly, replay, table
from hybrid_recs.generation.generation import Generation
from hybrid_recs.offline.data.dataset_config import DatasetConfig
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.data.interactions import read_dataset
from tests.planted import NEVER_BOUGHT, item_id, world_of


def test_cases_are_next_clicks_on_items_that_can_be_told(planted: Path, generation: Generation) -> None:
    data = encode(read_dataset(DatasetConfig.load(planted), 5_000))
    ids = data.items["item"].to_list()
    arriving = [
        ("s", item_id(0, 1)),
        ("t", "unknown"),
        ("s", item_id(0, 2)),  # a case: 1
        ("t", item_id(4, 0)),  # asked, but nothing was met that has a vector
        ("s", NEVER_BOUGHT[0]),  # asked, but without a vector
        ("t", item_id(4, 3)),  # a case: 0
        ("s", item_id(0, 5)),  # a case: 1, 2
    ]
    service = Directly(generation)
    cases = replay(arriving, service, data)
    assert len(service.asking) == 5
    met = [[ids[row] for row in rows] for rows in cases.met]
    assert met == [[item_id(0, 1)], [item_id(4, 0)], [item_id(0, 1), item_id(0, 2)]]
    assert [ids[row] for row in cases.wanted] == [item_id(0, 2), item_id(4, 3), item_id(0, 5)]
    for said, world in zip(cases.said, (0, 4, 0), strict=True):
        assert len(said) == 20
        assert {world_of(ids[row]) for row in said} == {world}
    lines = table(cases, service, data)
    assert [line[1] for line in lines] == ["3"] * 4
    hits = sum(wanted in said for said, wanted in zip(cases.said, cases.wanted, strict=True))
    assert lines[0][2].startswith(f"{hits / 3:.4f}")
