"""A district falls silent at once: one matter for staff, few messages, nobody lost, over in a minute."""

import os
from collections import Counter, defaultdict

import pytest
from sqlalchemy import insert, select, update

from alerts.channels.outbox.channel import read_outbox
from store.engine import reading
from store.schema import (
    contact_methods,
    deliveries,
    gateways,
    homes,
    incidents,
    live_states,
    people,
    relations,
)

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
HOMES = int(os.environ.get("MIMAMORI_STORM_HOMES", "120"))  # make soak: 2,000
NEIGHBOURS = HOMES // 10


@pytest.fixture
def district(found_village, start):
    """Everybody lives in 本町; a neighbour looks after ten to twenty homes, two of the staff after all."""
    village = found_village(neighbours=0, staff=2)
    residents = [f"p{n}" for n in range(HOMES)]
    helpers = [f"n{n}" for n in range(NEIGHBOURS)]
    with village.db.begin() as connection:
        add = connection.execute
        add(insert(people), [{"id": who, "name": f"住民 {who}"} for who in residents + helpers])
        add(
            insert(contact_methods),
            [
                {"id": f"m-{who}", "person_id": who, "channel": "outbox", "address": f"phone-{who}", "rank": 0}
                for who in residents + helpers
            ],
        )
        add(
            insert(homes),
            [
                {
                    "id": f"home-{who}",
                    "gateway": f"gw-{who}",
                    "person_id": who,
                    "organisation_id": "council",
                    "zone": "Asia/Tokyo",
                    "area": "本町",
                }
                for who in residents
            ],
        )
        watch = [(who, helpers[(n + k) % NEIGHBOURS], k) for n, who in enumerate(residents) for k in (0, 7)]
        add(
            insert(relations),
            [
                {"id": f"r-{who}-{k}", "subject_id": who, "other_id": helper, "role": "neighbour", "from_ms": 0}
                for who, helper, k in watch
            ],
        )
        add(
            insert(gateways), [{"gateway": f"gw-{who}", "heartbeat_ms": start, "proven_ms": start} for who in residents]
        )
        add(
            insert(live_states),
            [
                {
                    "home_id": f"home-{who}",
                    "last_sign_ms": start,
                    "ask_at_ms": start + 2 * HOUR,
                    "call_at_ms": start + 3 * HOUR,
                    "updated_ms": start,
                }
                for who in residents
            ],
        )
    village.engine.tick(start)
    return village


def beat(village, now_ms):
    with village.db.begin() as connection:
        connection.execute(update(gateways).values(heartbeat_ms=now_ms, proven_ms=now_ms))


def run(village, now_ms, until_ms, step_ms=20 * SECOND, *, beats):
    while now_ms < until_ms:
        now_ms += step_ms
        if beats:
            beat(village, now_ms)
        village.engine.tick(now_ms)
        village.sender.run_due(now_ms)
    return now_ms


def most_in_ten_minutes(village):
    """The most messages that anybody but a resident about themself got within ten minutes."""
    by_person = defaultdict(list)
    for item in read_outbox(village.folder):
        if item.purpose != "ask":
            by_person[item.person_id].append(item.at_ms)
    return max(
        sum(first <= at_ms < first + 10 * MINUTE for at_ms in moments)
        for moments in by_person.values()
        for first in moments
    )


def of_kind(village, kind):
    return [row for row in village.rows(incidents) if row.kind == kind]


def test_a_power_cut_is_one_matter_for_staff_with_every_home_listed_and_over_within_a_minute(district, start):
    dark = run(district, start + 15 * MINUTE, start + 16 * MINUTE, beats=False)
    (root,) = of_kind(district, "area_outage")
    members = of_kind(district, "gateway_lost")
    assert len(members) >= HOMES
    assert {row.group_id for row in members if row.home_id != "home-hana"} == {root.id}
    assert set(district.told("staff")) == {"shiki", "goro"}
    assert most_in_ten_minutes(district) <= 3
    dark = run(district, dark, dark + 3 * HOUR, 30 * MINUTE, beats=False)
    assert most_in_ten_minutes(district) <= 3
    back = dark + MINUTE
    beat(district, back)
    run(district, back, back + MINUTE, beats=True)
    left = [(row.kind, row.home_id, row.state) for row in district.rows(incidents) if row.state != "resolved"]
    assert left == []


def test_everybody_silent_at_once_is_asked_and_each_responder_gets_three_messages_at_most(district, start):
    due = start + 2 * HOUR
    beat(district, due)
    now = run(district, due, due + MINUTE, beats=True)
    assert len({row.home_id for row in of_kind(district, "silence")} - {"home-hana"}) == HOMES
    assert len(district.told("ask")) >= HOMES
    assert len(of_kind(district, "area_outage")) == 1
    now = run(district, now, due + 32 * MINUTE, 31 * MINUTE, beats=True)
    now = run(district, now, due + 45 * MINUTE, 2 * MINUTE, beats=True)
    assert most_in_ten_minutes(district) <= 3
    told = defaultdict(set)
    rows = [row for row in district.rows(deliveries) if row.purpose == "call"]
    accepted = {row.id for row in rows if row.state == "accepted"}
    for row in rows:
        if row.id in accepted or row.bundle_id in accepted:
            told[row.incident_id].add(row.person_id)
    calls = Counter(len(told[row.id]) for row in of_kind(district, "silence") if row.home_id != "home-hana")
    assert calls == {2: HOMES}, "both neighbours of each resident were told of that resident"
    with reading(district.db) as connection:
        council = connection.execute(select(incidents.c.id).where(incidents.c.council_ms.is_not(None))).all()
    assert len(council) == 1, "staff heard of the area"
