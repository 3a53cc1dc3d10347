"""Phone numbers are kept in one way, and shown so that nobody can call them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.register.phones import e164, redacted


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("090-1234-5678", "+819012345678"),
        ("０９０（１２３４）５６７８", "+819012345678"),
        ("+81 90 1234 5678", "+819012345678"),
        ("03ー1234ー5678", "+81312345678"),
        ("0887-12-3456", "+81887123456"),
        ("050-0000-0001", "+815000000001"),
        ("0120-123-456", "+81120123456"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("+44 (0)20 7946 0958", "+442079460958"),
    ],
)
def test_a_number_as_people_write_it_becomes_the_one_that_is_dialled(written: str, kept: str):
    assert e164(written) == kept
    assert e164(kept) == kept


@pytest.mark.parametrize(
    "wrong",
    ["", "花子", "090-1234-567", "090-1234-56789", "+8109012345678", "+8190123456", "119", "010-81-90-1234-5678",
     "9012345678", "++819012345678", "+81-90-1234-567x", "03-1234-56789", "010-1234-5678", "+1 555 0100",
     "+999 123 456 789", "090-1234-5678 ext. 9"],
)  # fmt: skip
def test_a_digit_too_many_or_too_few_is_no_number(wrong: str):
    assert e164(wrong) is None


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20) | st.text("+0123456789- ", max_size=18))
def test_whatever_is_written_it_becomes_a_number_or_none(text: str):
    number = e164(text)
    assert number is None or (number.isascii() and number[0] == "+" and number[1:].isdigit() and 8 <= len(number) <= 16)


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        ("sms", "+819012345678", "+81…78"),
        ("voice", "+81312345678", "+81…78"),
        ("line", "U4af4980629", "U4…"),
        ("email", "hanako@example.org", "h…@example.org"),
        ("console", "hanako", "hanako"),
        ("sms", "", ""),
    ],
)
def test_an_address_is_shown_so_that_nobody_can_use_it(channel: str, address: str, shown: str):
    assert redacted(channel, address) == shown
