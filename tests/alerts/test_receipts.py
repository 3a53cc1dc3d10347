"""What vendors say afterwards: kept once, in any order, with a fall-over in the same transaction."""

import pytest

from alerts.delivery import receipts
from alerts.delivery.receipts import Receipt, ReceiptResult
from alerts.ports import ReceiptKind, SendOutcome, SendResult
from store.register.registry import edit
from store.schema import attempts, deliveries
from store.schema import receipts as table_of_receipts

HOUR = 3_600_000
MINUTE = 60_000


class Vendor:
    """Takes what it is given, under a name of its own, and remembers it."""

    def __init__(self, village):
        self.village = village
        self.messages = []
        self.before_recording = lambda _message: None

    def send(self, message):
        self.messages.append(message)
        self.village.channel.inner.send(message)
        self.before_recording(message)
        return SendResult(SendOutcome.OK, f"SM{len(self.messages)}")


@pytest.fixture
def vendor(village):
    made = Vendor(village)
    village.sender = village.new_sender("worker-1", {"outbox": village.channel, "sms": made})
    return made


@pytest.fixture
def texted(village, vendor, start):
    """花 is asked by SMS; her other contact method is the outbox. Gives the delivery's id and the moment."""
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "sms", "+819000000001", id="a-hana-sms")
    village.at(start + 2 * HOUR)
    (message,) = vendor.messages
    return message.delivery_id, start + 2 * HOUR


def tell(village, delivery_id, kind, now_ms, vendor_id="SM1"):
    return receipts.record_receipt(
        village.db, Receipt(delivery_id, vendor_id, kind, "sent 30006"), now_ms, village.settings
    )


def states(village):
    return sorted(((row.channel, row.state) for row in village.messages("hana")), reverse=True)


def test_delivered_is_written_once(village, texted):
    delivery_id, now = texted
    assert tell(village, delivery_id, ReceiptKind.DELIVERED, now + 1) is ReceiptResult.CHANGED
    assert tell(village, delivery_id, ReceiptKind.DELIVERED, now + 2) is ReceiptResult.REPEATED
    assert tell(village, delivery_id, ReceiptKind.SENT, now + 3) is ReceiptResult.STORED
    assert states(village) == [("sms", "delivered")]
    (row,) = village.messages("hana")
    assert row.settled_ms == now, "the time to answer began when it was accepted"
    assert len(village.rows(table_of_receipts)) == 2


def test_undelivered_falls_over_to_the_next_contact_method_at_once(village, texted):
    delivery_id, now = texted
    assert tell(village, delivery_id, ReceiptKind.FAILED, now + MINUTE) is ReceiptResult.CHANGED
    assert states(village) == [("sms", "failed"), ("outbox", "pending")]
    for again in range(3):
        assert tell(village, delivery_id, ReceiptKind.FAILED, now + MINUTE + again) is ReceiptResult.REPEATED
    village.at(now + MINUTE)
    assert states(village) == [("sms", "failed"), ("outbox", "accepted")]


def test_a_neighbour_whose_only_message_was_undelivered_is_replaced(village, vendor, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("ichiro", "sms", "+819000000002", id="a-ichiro-sms")
        registry.disable_contact_method("m-ichiro", "blocked")
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert [row.person_id for row in village.rows(deliveries) if row.purpose == "call"].count("saburo") == 0
    tell(village, vendor.messages[-1].delivery_id, ReceiptKind.FAILED, start + 2 * HOUR + 31 * MINUTE)
    assert [row.person_id for row in village.rows(deliveries) if row.purpose == "call"].count("saburo") == 1


def test_a_phone_that_was_off_is_tried_again_and_then_the_next_method(village, vendor, texted):
    delivery_id, now = texted
    tell(village, delivery_id, ReceiptKind.AGAIN, now + 10_000, "SM1")
    assert states(village) == [("sms", "retry_wait")]
    tell(village, delivery_id, ReceiptKind.SENT, now + 11_000, "SM1")  # late: that one did not come
    village.at(now + 70_000)
    assert [message.delivery_id for message in vendor.messages] == [delivery_id] * 2
    tell(village, delivery_id, ReceiptKind.AGAIN, now + 71_000, "SM1")
    assert states(village) == [("sms", "accepted")], "the first try's failure says nothing of the second"
    tell(village, delivery_id, ReceiptKind.AGAIN, now + 4 * MINUTE, "SM2")
    assert states(village) == [("sms", "expired"), ("outbox", "pending")]


def test_a_receipt_that_overtakes_the_record_of_the_send_is_not_lost(village, vendor, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "sms", "+819000000001", id="a-hana-sms")

    def told_at_once(message):
        tell(village, message.delivery_id, ReceiptKind.FAILED, start + 2 * HOUR, "SM1")

    vendor.before_recording = told_at_once
    village.at(start + 2 * HOUR)
    assert states(village) == [("sms", "failed"), ("outbox", "pending")]
    (attempt,) = village.rows(attempts)
    assert (attempt.outcome, attempt.vendor_id) == ("ok", "SM1")


def test_a_receipt_settles_what_a_time_out_left_open(village, vendor, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "sms", "+819000000001", id="a-hana-sms")
    accept = vendor.send

    def timed_out(message):
        accept(message)
        raise TimeoutError

    vendor.send = timed_out
    village.at(start + 2 * HOUR)
    assert states(village) == [("sms", "unknown")]
    tell(village, vendor.messages[0].delivery_id, ReceiptKind.SENT, start + 2 * HOUR + 1)
    village.at(start + 2 * HOUR + MINUTE)
    assert states(village) == [("sms", "accepted")]
    assert len(vendor.messages) == 1


def test_the_next_try_knows_since_when_the_outcome_is_unknown_and_what_belongs_to_others(village, vendor, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "sms", "+819000000001", id="a-hana-sms")
        registry.add_contact_method("shiki", "sms", "+819000000001", id="a-shared")
    accept = vendor.send

    def timed_out(message):
        accept(message)
        raise TimeoutError

    vendor.send = timed_out
    village.presses("help", start + 2 * HOUR - MINUTE)
    village.at(start + 2 * HOUR)
    first, second = vendor.messages[:2]
    assert (first.ambiguous_since_ms, first.not_this) == (None, frozenset())
    tell(village, second.delivery_id, ReceiptKind.SENT, start + 2 * HOUR + 1, "SM-of-the-other")
    vendor.send = accept
    village.at(start + 2 * HOUR + 15_000)
    (again,) = [message for message in vendor.messages[2:] if message.delivery_id == first.delivery_id]
    assert (again.ambiguous_since_ms, again.not_this) == (start + 2 * HOUR, frozenset({"SM-of-the-other"}))


def test_a_failure_after_the_end_calls_nobody(village, texted):
    delivery_id, now = texted
    village.presses("ok", now + MINUTE)
    village.at(now + MINUTE)
    tell(village, delivery_id, ReceiptKind.FAILED, now + 2 * MINUTE)
    village.at(now + 2 * MINUTE)
    assert states(village) == [("sms", "failed")]


@pytest.mark.parametrize("kind", [ReceiptKind.AGAIN, ReceiptKind.FAILED])
def test_a_failure_of_a_reminder_that_a_newer_one_replaced_is_not_repeated(village, vendor, start, kind):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("shiki", "sms", "+819000000003", id="a-shiki-sms")
    village.presses("help", start + HOUR)
    for repeat in range(3):
        village.at(start + HOUR + repeat * 30 * MINUTE)
    reminders = village.messages("shiki")
    assert len(reminders) > 1
    tell(village, reminders[0].id, kind, start + 2 * HOUR + MINUTE, "SM1")
    village.at(start + 2 * HOUR + 3 * MINUTE)
    first, *newer = [row.state for row in village.messages("shiki")]
    assert (first in ("failed", "expired"), set(newer)) == (True, {"accepted"})
    assert len(newer) == len(reminders) - 1


def test_a_receipt_of_an_unknown_message_changes_nothing(village, texted):
    assert tell(village, "nobody-knows", ReceiptKind.FAILED, texted[1]) is ReceiptResult.UNKNOWN
    with pytest.raises(ValueError, match="1 to 128"):
        tell(village, texted[0], ReceiptKind.FAILED, texted[1], "x" * 129)
    assert village.rows(table_of_receipts) == []
