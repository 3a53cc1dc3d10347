"""A message that was accepted and then did not arrive."""

import pytest

from alerts.delivery.failover import did_not_arrive
from alerts.errors import Failure
from alerts.incidents.transitions import in_transaction
from store.register.registry import edit
from store.schema import attempts, audit, deliveries

HOUR = 3_600_000


def fail(village, delivery_id, now_ms):
    return in_transaction(village.db, lambda c: did_not_arrive(c, delivery_id, Failure.BLOCKED, now_ms, "test"))


@pytest.fixture
def asked_ms(village, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "outbox", "second-phone", rank=5, id="m-hana-2")
    village.at(start + 2 * HOUR)
    return start + 2 * HOUR


def test_the_next_contact_method_is_used_in_the_same_step(village, asked_ms):
    first = village.messages("hana")[0]
    assert first.state == "accepted"
    assert fail(village, first.id, asked_ms + 1000)
    village.at(asked_ms + 2000)
    failed, second = village.messages("hana")
    assert (failed.state, failed.failure) == ("failed", "blocked")
    assert (second.contact_method_id, second.state, second.step) == ("m-hana-2", "accepted", failed.step)


def test_failing_it_twice_sends_once(village, asked_ms):
    first = village.messages("hana")[0]
    assert [fail(village, first.id, asked_ms + 1000), fail(village, first.id, asked_ms + 1001)] == [True, False]
    assert len(village.messages("hana")) == 2


def test_without_another_method_the_incident_learns_it(village, asked_ms):
    for at_ms in (asked_ms + 1000, asked_ms + 3000):
        assert fail(village, village.messages("hana")[-1].id, at_ms)
        village.at(at_ms + 1000)
    assert "test" in [row.actor for row in village.rows(audit) if row.incident_id == village.case().id]
    assert len(village.messages("hana")) == 2


def test_after_the_end_and_for_an_unknown_message_nothing_happens(village, asked_ms):
    village.answers("hana", "safe", asked_ms + 1000)
    before = village.rows(deliveries)
    assert not fail(village, village.messages("hana")[0].id, asked_ms + 2000)
    assert not fail(village, "no-such-message", asked_ms + 2000)
    assert village.rows(deliveries) == before


def test_a_try_under_way_loses_its_lease_and_its_outcome_moves_nothing(village, start):
    asked_ms = start + 2 * HOUR

    class Slow:
        name = "outbox"

        def send(self, message):
            assert fail(village, message.delivery_id, asked_ms)
            return village.channel.send(message)

    village.beats(asked_ms)
    village.engine.tick(asked_ms)
    village.new_sender("slow", {"outbox": Slow()}).run_due(asked_ms)
    assert [(row.state, row.failure) for row in village.messages("hana")] == [("failed", "blocked")]
    assert [row.outcome for row in village.rows(attempts)] == ["ok"]
