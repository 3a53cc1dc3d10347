import json

import pytest

from contracts.events import Event
from edge_agent.outbox.outbox import NewRow, Outbox, new_row

START_MS = 1_700_000_000_000


def event_row(sensor: str, kind: str, fields: dict[str, object], second: int) -> NewRow:
    return new_row(Event(0, START_MS + second * 1000, 2, 0, sensor, kind, fields))


def kept(outbox: Outbox) -> list[tuple[str, str]]:
    tails = [json.loads("{" + row.body) for row in outbox.rows(1, 2**62, 1_000_000, priority=False)]
    return [(tail["k"], tail["s"]) for tail in tails]


@pytest.fixture
def busy(outbox: Outbox) -> Outbox:
    """An hour: motion in two rooms every 5 s, a contact and a presence every 10 s."""
    for second in range(0, 3_600, 10):
        outbox.append(
            [
                event_row("hall", "motion", {"motion": True}, second),
                event_row("hall", "motion", {"motion": False}, second + 2),
                event_row("kitchen", "motion", {"motion": True}, second + 5),
                event_row("door", "contact", {"open": second % 20 == 0}, second),
                event_row("chair", "presence", {"present": True}, second),
                event_row("help", "button", {"press": "help"}, second),
            ]
        )
    return outbox


def test_motion_goes_first_and_one_of_each_minute_stays(busy: Outbox):
    target = busy.size_bytes() - 30_000
    gone = busy.thin(target)
    motions = [sensor for kind, sensor in kept(busy) if kind == "motion"]
    minutes = START_MS // 60_000
    assert gone == busy.thinned == 3 * 360 - len(motions)
    assert len(motions) == 2 * 61 + 61  # 61 clock minutes touch the hour: hall on, hall off, kitchen on
    assert (START_MS + 3_599_000) // 60_000 - minutes == 60


def test_contacts_buttons_and_presence_stay_whatever_the_size(busy: Outbox):
    busy.thin(0)
    kinds = [kind for kind, _ in kept(busy)]
    assert kinds.count("contact") == kinds.count("presence") == 360
    assert len(busy.rows(1, 2**62, 9_999, priority=True)) == 360
    assert 3 <= kinds.count("motion") <= 6, "of each hour something stays, to show that there was life"
    assert busy.backlog == len(kinds) + 360


def test_thinning_stops_when_there_is_room(outbox: Outbox):
    for start in range(0, 60_000, 5_000):
        rows = [event_row("hall", "motion", {"motion": True}, second // 100) for second in range(start, start + 5_000)]
        outbox.append(rows)
    size = outbox.size_bytes()
    outbox.thin(size - 500_000)
    found = [row.n for row in outbox.rows(1, 2**62, 1_000_000, priority=False)]
    assert found[-1] == 60_000
    assert len(found) > 35_000, "only the oldest stretch was thinned"


def test_the_count_of_what_was_thinned_is_in_the_file(busy: Outbox):
    busy.thin(0)
    value = busy._db.execute("SELECT value FROM meta WHERE name = 'thinned'").fetchone()[0]
    assert int(value) == busy.thinned > 0
