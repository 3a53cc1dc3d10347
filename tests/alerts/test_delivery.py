"""The pure machine of one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.decisions.sending.delivery import (
    FAILED,
    DeliveryProgress,
    DeliveryState,
    after_attempt,
    back_off_s,
    before_attempt,
    with_receipts,
)
from alerts.errors import Failure
from alerts.ports import ReceiptKind, SendOutcome, SendResult
from alerts.settings import AlertsSettings

SETTINGS = AlertsSettings()
NOW = 1_767_225_600_000
LATER = NOW + 3_600_000


def pending(**changes):
    return DeliveryProgress(**({"state": DeliveryState.PENDING, "due_ms": NOW, "expires_ms": LATER} | changes))


def test_a_due_message_is_leased_before_it_is_sent():
    move = before_attempt(pending(), NOW, SETTINGS, wanted=True)
    assert (move.progress.state, move.progress.tries) == (DeliveryState.SENDING, 1)
    assert move.progress.lease_until_ms == NOW + 60_000


def test_a_leased_message_is_left_alone_until_the_lease_runs_out_and_then_counts_as_ambiguous():
    leased = before_attempt(pending(), NOW, SETTINGS, wanted=True).progress
    assert before_attempt(leased, NOW + 59_999, SETTINGS, wanted=True) is None
    again = before_attempt(leased, NOW + 60_000, SETTINGS, wanted=True)
    assert (again.previous, again.progress.tries) == (SendOutcome.AMBIGUOUS, 2)


@pytest.mark.parametrize(
    ("outcome", "state", "failure"),
    [
        (SendOutcome.OK, DeliveryState.ACCEPTED, None),
        (SendOutcome.RETRY, DeliveryState.RETRY_WAIT, None),
        (SendOutcome.AMBIGUOUS, DeliveryState.UNKNOWN, None),
        (SendOutcome.PERMANENT, DeliveryState.FAILED, Failure.REFUSED),
        (SendOutcome.QUOTA, DeliveryState.FAILED, Failure.QUOTA),
    ],
)
def test_each_outcome_has_its_state(outcome, state, failure):
    leased = before_attempt(pending(), NOW, SETTINGS, wanted=True).progress
    after = after_attempt(leased, SendResult(outcome), NOW, SETTINGS)
    assert (after.state, after.failure, after.lease_until_ms) == (state, failure, None)


@pytest.mark.parametrize("outcome", [SendOutcome.PERMANENT, SendOutcome.QUOTA])
def test_a_failure_is_the_channels_code_and_never_its_words(outcome):
    leased = before_attempt(pending(), NOW, SETTINGS, wanted=True).progress
    said = SendResult(outcome, detail="account 20003", failure=Failure.NO_CHANNEL)
    assert after_attempt(leased, said, NOW, SETTINGS).failure is Failure.NO_CHANNEL
    words_alone = after_attempt(leased, SendResult(outcome, detail="account 20003"), NOW, SETTINGS)
    assert words_alone.failure in (Failure.REFUSED, Failure.QUOTA)


def test_a_message_nobody_wants_any_more_is_cancelled():
    assert before_attempt(pending(), NOW, SETTINGS, wanted=False).progress.failure is Failure.ENDED


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.RETRY_WAIT, DeliveryState.UNKNOWN])
def test_a_message_that_is_due_is_tried_however_late_it_has_become(state):
    overdue = pending(state=state, tries=1, expires_ms=NOW - 43_200_000)
    assert before_attempt(overdue, NOW, SETTINGS, wanted=True).progress.state is DeliveryState.SENDING


def test_a_message_whose_next_try_would_be_too_late_has_failed():
    leased = before_attempt(pending(expires_ms=NOW + 15_000), NOW, SETTINGS, wanted=True).progress
    assert after_attempt(leased, SendResult(SendOutcome.RETRY), NOW, SETTINGS).state in FAILED


@given(st.lists(st.sampled_from([SendOutcome.RETRY, SendOutcome.AMBIGUOUS]), max_size=60))
def test_a_channel_that_never_works_ends_in_a_failure_within_the_messages_time(outcomes):
    progress, now = pending(), NOW
    for outcome in [*outcomes, *[SendOutcome.RETRY] * 60]:
        if progress.state in FAILED:
            break
        now = max(now, progress.due_ms)
        progress = after_attempt(
            before_attempt(progress, now, SETTINGS, wanted=True).progress, SendResult(outcome), now, SETTINGS
        )
    assert progress.state in FAILED
    assert now < LATER


def test_waits_double_up_to_a_bound():
    assert [back_off_s(tries, SETTINGS) for tries in (1, 2, 3, 4, 5, 6, 99)] == [15, 30, 60, 120, 240, 300, 300]


def accepted(**changes):
    return pending(**({"state": DeliveryState.ACCEPTED, "tries": 1} | changes))


RECEIPTS = st.lists(st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(ReceiptKind)), max_size=6)


def after_receipts(progress, receipts, accepted_as):
    facts = {}
    for vendor_id, kind in receipts:
        facts.setdefault(vendor_id, set()).add(kind)
        progress = with_receipts(progress, facts, accepted_as, NOW, SETTINGS)
    return progress.state, progress.failure


@given(st.data(), RECEIPTS, st.sampled_from([["x"], ["y", "x"]]))
def test_receipts_in_any_order_and_number_give_the_same_state(data, receipts, accepted_as):
    straight = after_receipts(accepted(), receipts, accepted_as)
    shuffled = data.draw(st.permutations(receipts)) + data.draw(st.lists(st.sampled_from(receipts or [None])))
    assert after_receipts(accepted(), [item for item in shuffled if item], accepted_as) == straight


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ([ReceiptKind.SENT], DeliveryState.ACCEPTED),
        ([ReceiptKind.DELIVERED], DeliveryState.DELIVERED),
        ([ReceiptKind.READ], DeliveryState.READ),
        ([ReceiptKind.AGAIN], DeliveryState.RETRY_WAIT),
        ([ReceiptKind.FAILED], DeliveryState.FAILED),
        ([ReceiptKind.FAILED, ReceiptKind.DELIVERED], DeliveryState.DELIVERED),
    ],
)
def test_each_receipt_has_its_state(kinds, state):
    assert with_receipts(accepted(), {"x": kinds}, ["x"], NOW, SETTINGS).state is state


def test_a_message_that_another_try_may_still_deliver_has_not_failed():
    facts = {"x": [ReceiptKind.FAILED]}
    assert with_receipts(accepted(), facts, ["x", "y"], NOW, SETTINGS).state is DeliveryState.ACCEPTED


@pytest.mark.parametrize("state", [DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.RETRY_WAIT])
def test_a_receipt_proves_that_a_message_was_taken_whatever_the_try_said(state):
    assert (
        with_receipts(accepted(state=state), {"x": [ReceiptKind.SENT]}, [], NOW, SETTINGS).state
        is DeliveryState.ACCEPTED
    )


def test_a_phone_that_was_not_reached_is_tried_again_after_a_minute_and_not_when_it_is_too_late():
    facts = {"x": [ReceiptKind.AGAIN]}
    assert with_receipts(accepted(), facts, ["x"], NOW, SETTINGS).due_ms == NOW + 60_000
    late = with_receipts(accepted(expires_ms=NOW + 60_000), facts, ["x"], NOW, SETTINGS)
    assert (late.state, late.failure) == (DeliveryState.EXPIRED, Failure.EXPIRED)


@given(RECEIPTS)
def test_no_receipt_revives_a_cancelled_message(receipts):
    gone = pending(state=DeliveryState.CANCELLED)
    assert after_receipts(gone, receipts, ["x"]) == (DeliveryState.CANCELLED, None)
