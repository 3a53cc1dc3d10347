"""A test message really goes out, is recorded, and its code verifies the address."""

import re

import pytest

from alerts.errors import RefusedTest
from alerts.incidents.opt_out import opt_out
from alerts.ports import SendOutcome, SendResult
from alerts.tools.test_message import CODE_VALID_MS, MOST_WRONG_CODES, send_test, verify
from store.register.registry import edit
from store.retention import erase_person
from store.schema import audit, contact_methods, people, test_sends
from store.timeseries.sqlite import SqliteTimeSeries


def sent(village, now_ms, method="m-ichiro"):
    """Send a test; what came of it, and the code on the phone."""
    outcome = send_test(village.db, {"outbox": village.channel}, method, now_ms)
    shown = village.phone("ichiro")[-1]
    (code,) = re.findall(r"[0-9]{6}", shown.body)
    return outcome, code


def method_of(village, key="m-ichiro"):
    return next(row for row in village.rows(contact_methods) if row.id == key)


def test_a_test_is_marked_reaches_the_phone_and_is_recorded(village, start):
    outcome, code = sent(village, start)
    (shown,) = village.phone("ichiro")
    assert (outcome.outcome, shown.purpose, shown.link) == (SendOutcome.OK, "test", None)
    assert "試験" in shown.body
    assert len(shown.body) <= 70, "one SMS"
    (row,) = village.rows(test_sends)
    assert (row.outcome, row.contact_method_id, row.ended_ms) == ("ok", "m-ichiro", start)
    assert code not in str(row), "who reads the table does not see the code"
    assert method_of(village).last_ok_ms == start
    assert method_of(village).verified_ms is None, "accepted is not received"


@pytest.mark.parametrize("written", ["{}", " {} ", "全角 {}"])
def test_the_code_given_back_verifies_the_address(village, start, written):
    _outcome, code = sent(village, start)
    wide = code.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    verify(village.db, "m-ichiro", written.format(wide), "operator", start + 5)
    assert method_of(village).verified_ms == start + 5
    last = village.rows(audit)[-1]
    assert (last.actor, last.what, last.params) == ("operator", "contact_method_verified", {"id": "m-ichiro"})
    with pytest.raises(RefusedTest, match="confirmed already"):
        verify(village.db, "m-ichiro", code, "operator", start + 6)


def test_a_wrong_code_verifies_nothing_and_after_a_few_the_right_one_does_not_count_either(village, start):
    _outcome, code = sent(village, start)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for left in reversed(range(MOST_WRONG_CODES)):
        with pytest.raises(RefusedTest, match=f"{left} more tries" if left else "no try is left"):
            verify(village.db, "m-ichiro", wrong, "operator", start)
    with pytest.raises(RefusedTest, match="does not count any more; send one: mimamori test-send m-ichiro"):
        verify(village.db, "m-ichiro", code, "operator", start)
    assert method_of(village).verified_ms is None


def test_a_code_does_not_count_for_ever_nor_after_a_newer_test(village, start):
    _outcome, old = sent(village, start)
    _outcome, code = sent(village, start + 1)
    if old != code:
        with pytest.raises(RefusedTest, match="not the code of the newest test"):
            verify(village.db, "m-ichiro", old, "operator", start + 2)
    with pytest.raises(RefusedTest, match="does not count any more"):
        verify(village.db, "m-ichiro", code, "operator", start + 1 + CODE_VALID_MS)


def test_nothing_is_sent_that_must_not_be(village, start):
    opt_out(village.db, "jiro", "operator", start, "cli")
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.disable_contact_method("m-saburo", "blocked")
        registry.add_contact_method("ichiro", "line", "U" + "1" * 32, id="m-line")
    for method, says in (
        ("m-none", "not in the register; see mimamori contacts list"),
        ("m-jiro", "opted out and is not contacted"),
        ("m-saburo", r"disabled \(blocked\); mimamori contacts enable m-saburo"),
        ("m-line", r"channel 'line' is not set up in \[channels\] of the settings; set up: outbox"),
    ):
        with pytest.raises(RefusedTest, match=says):
            send_test(village.db, {"outbox": village.channel}, method, start)
    assert village.rows(test_sends) == []
    with pytest.raises(RefusedTest, match="no test was sent"):
        verify(village.db, "m-line", "123456", "operator", start)


def test_what_the_channel_says_is_what_is_recorded_and_an_error_of_it_too(village, start, caplog):
    class Broken:
        name = "outbox"

        def send(self, message):
            raise ValueError(f"cannot write to {message.address}")

    class Refusing:
        name = "outbox"

        def send(self, _message):
            return SendResult(SendOutcome.PERMANENT, "v-1", "21614")

    refused = send_test(village.db, {"outbox": Refusing()}, "m-ichiro", start)
    assert (refused.outcome, refused.vendor_id, refused.detail) == (SendOutcome.PERMANENT, "v-1", "21614")
    broken = send_test(village.db, {"outbox": Broken()}, "m-ichiro", start + 1)
    assert (broken.outcome, broken.detail) == (SendOutcome.AMBIGUOUS, "ValueError")
    assert sorted(row.outcome for row in village.rows(test_sends)) == ["ambiguous", "permanent"]
    assert "phone-ichiro" not in caplog.text
    assert method_of(village).last_ok_ms is None


def test_tests_are_erased_with_the_person(village, start, tmp_path):
    sent(village, start)
    series = SqliteTimeSeries(tmp_path / "events.db")
    erase_person(village.db, series, "ichiro", "operator", start + 1)
    series.close()
    assert village.rows(test_sends) == []
    assert "ichiro" not in {row.id for row in village.rows(people)}
