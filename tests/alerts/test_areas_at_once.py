"""A case that is opened, moved or ended at the instant at which its area is declared, or is over: it misses neither."""

import pytest

from alerts.incidents import answers, area_outages, transitions
from alerts.incidents.engine import Engine
from contracts.signals import Sentence, Signal, SignalKind
from store.register.registry import edit
from store.schema import incidents

MINUTE = 60_000
HOUR = 60 * MINUTE
OTHERS = range(6)


@pytest.fixture
def dark(found_village, start):
    """花 and six more of one district; the others' gateways fell silent 20 minutes ago. Gives the village and now."""
    village = found_village(neighbours=1, staff=1)
    with edit(village.db, actor="test", now_ms=start) as registry:
        for number in OTHERS:
            registry.add_person(f"住民 {number}", id=f"p{number}")
            registry.add_home(f"p{number}", "council", f"gw-{number}", area="本町", id=f"home-{number}")
    return village, start + 20 * MINUTE


def lost(home, now_ms):
    reason = Sentence("端末からの通信が途絶えています。", "The device in the home is not heard of.")
    return Signal(home, SignalKind.GATEWAY_LOST, now_ms - 15 * MINUTE, now_ms, now_ms, reason)


def open_case(village, home, now_ms):
    signal, policy = lost(home, now_ms), village.settings.policy(SignalKind.GATEWAY_LOST)
    work = lambda connection: transitions.open_incident(connection, signal, policy, now_ms)  # noqa: E731 - one line
    return transitions.in_transaction(village.db, work)


def declare(village, now_ms):
    others = [lost(f"home-{number}", now_ms) for number in OTHERS]
    (root,) = area_outages.open_outages(village.db, others, now_ms, village.settings)
    return root


def case(village, case_id):
    (row,) = [row for row in village.rows(incidents) if row.id == case_id]
    return row


@pytest.mark.on_both_stores
def test_a_case_that_is_opened_while_its_area_is_declared_belongs_to_it(dark, meanwhile):
    village, now = dark
    opens, declares = lambda: open_case(village, "home-hana", now), lambda: declare(village, now)
    hers, root = meanwhile(village.db, opens, "INSERT INTO incidents", declares)
    assert case(village, hers).group_id == root


@pytest.mark.on_both_stores
def test_an_area_that_is_declared_while_a_case_is_opened_takes_it_in(dark, meanwhile):
    village, now = dark
    opens, declares = lambda: open_case(village, "home-hana", now), lambda: declare(village, now)
    root, hers = meanwhile(village.db, declares, "UPDATE incidents SET group_id", opens)
    assert case(village, hers).group_id == root
    assert case(village, hers).state == "deferred", "staff hear of the area"


@pytest.mark.on_both_stores
def test_two_workers_that_declare_an_area_at_once_open_one_case(dark, meanwhile):
    village, now = dark
    others = [lost(f"home-{number}", now) for number in OTHERS]
    declares = lambda: area_outages.open_outages(village.db, others, now, village.settings)  # noqa: E731 - one line
    first, second = meanwhile(village.db, declares, "INSERT INTO incidents", declares)
    assert len(first) + len(second) == 1


@pytest.mark.on_both_stores
def test_a_case_that_is_opened_while_its_area_is_closed_is_not_put_off_for_it(dark, meanwhile):
    village, now = dark
    root = declare(village, now)
    closes = lambda: answers.close(village.db, root, "shiki", "repaired", "停電が復旧", now)  # noqa: E731 - one line
    hers, _closed = meanwhile(village.db, lambda: open_case(village, "home-hana", now), "INSERT INTO incidents", closes)
    assert is_told_of(village, hers, now)


@pytest.mark.on_both_stores
def test_a_case_that_is_put_off_while_its_area_is_closed_is_looked_at_at_once(dark, meanwhile):
    village, now = dark
    hers = open_case(village, "home-hana", now)
    root = declare(village, now)
    closes = lambda: answers.close(village.db, root, "shiki", "repaired", "停電が復旧", now)  # noqa: E731 - one line
    assert case(village, hers).state == "notifying", "it was opened first, and is put off at its next tick"
    meanwhile(village.db, lambda: Engine(village.db, village.settings).tick(now), "UPDATE incidents SET state", closes)
    assert is_told_of(village, hers, now)


def is_told_of(village, case_id, now_ms):
    """Whether staff are asked about it by name, now that nobody is told of its area any more."""
    Engine(village.db, village.settings).tick(now_ms)
    return case(village, case_id).state == "notifying"
