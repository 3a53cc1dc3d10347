"""The pure machine of one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery import FAILED, DeliveryState, Progress, back_off_s, begin, received, tried
from alerts.errors import Failure
from alerts.ports import Outcome, SendResult
from alerts.settings import Settings

SETTINGS = Settings()
NOW = 1_767_225_600_000
LATER = NOW + 3_600_000


def pending(**changes):
    return Progress(**({"state": DeliveryState.PENDING, "due_ms": NOW, "expires_ms": LATER} | changes))


def test_a_due_message_is_leased_before_it_is_sent():
    move = begin(pending(), NOW, SETTINGS, wanted=True)
    assert (move.progress.state, move.progress.tries) == (DeliveryState.SENDING, 1)
    assert move.progress.lease_until_ms == NOW + 60_000


def test_a_leased_message_is_left_alone_until_the_lease_runs_out_and_then_counts_as_ambiguous():
    leased = begin(pending(), NOW, SETTINGS, wanted=True).progress
    assert begin(leased, NOW + 59_999, SETTINGS, wanted=True) is None
    again = begin(leased, NOW + 60_000, SETTINGS, wanted=True)
    assert (again.previous, again.progress.tries) == (Outcome.AMBIGUOUS, 2)


@pytest.mark.parametrize(
    ("outcome", "state", "failure"),
    [
        (Outcome.OK, DeliveryState.ACCEPTED, None),
        (Outcome.RETRY, DeliveryState.RETRY_WAIT, None),
        (Outcome.AMBIGUOUS, DeliveryState.UNKNOWN, None),
        (Outcome.PERMANENT, DeliveryState.FAILED, Failure.REFUSED),
        (Outcome.QUOTA, DeliveryState.FAILED, Failure.QUOTA),
    ],
)
def test_each_outcome_has_its_state(outcome, state, failure):
    leased = begin(pending(), NOW, SETTINGS, wanted=True).progress
    after = tried(leased, SendResult(outcome), NOW, SETTINGS)
    assert (after.state, after.failure, after.lease_until_ms) == (state, failure, None)


def test_a_message_nobody_wants_any_more_is_cancelled():
    assert begin(pending(), NOW, SETTINGS, wanted=False).progress.failure is Failure.ENDED


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.RETRY_WAIT, DeliveryState.UNKNOWN])
def test_a_message_that_is_due_is_tried_however_late_it_has_become(state):
    overdue = pending(state=state, tries=1, expires_ms=NOW - 43_200_000)
    assert begin(overdue, NOW, SETTINGS, wanted=True).progress.state is DeliveryState.SENDING


def test_a_message_whose_next_try_would_be_too_late_has_failed():
    leased = begin(pending(expires_ms=NOW + 15_000), NOW, SETTINGS, wanted=True).progress
    assert tried(leased, SendResult(Outcome.RETRY), NOW, SETTINGS).state in FAILED


@given(st.lists(st.sampled_from([Outcome.RETRY, Outcome.AMBIGUOUS]), max_size=60))
def test_a_channel_that_never_works_ends_in_a_failure_within_the_messages_time(outcomes):
    progress, now = pending(), NOW
    for outcome in [*outcomes, *[Outcome.RETRY] * 60]:
        if progress.state in FAILED:
            break
        now = max(now, progress.due_ms)
        progress = tried(begin(progress, now, SETTINGS, wanted=True).progress, SendResult(outcome), now, SETTINGS)
    assert progress.state in FAILED
    assert now < LATER


def test_waits_double_up_to_a_bound():
    assert [back_off_s(tries, SETTINGS) for tries in (1, 2, 3, 4, 5, 6, 99)] == [15, 30, 60, 120, 240, 300, 300]


@given(st.lists(st.sampled_from([DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ])))
def test_receipts_in_any_order_and_number_give_the_same_state(receipts):
    forward = backward = DeliveryState.ACCEPTED
    for receipt in receipts:
        forward = received(forward, receipt)
    for receipt in [*reversed(receipts), *receipts]:
        backward = received(backward, receipt)
    assert forward == backward


def test_a_late_receipt_does_not_revive_a_cancelled_message():
    assert received(DeliveryState.CANCELLED, DeliveryState.READ) is DeliveryState.CANCELLED
