"""Codes by which a person's own account becomes a contact method."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.line import linking
from alerts.errors import UnusableInvitation
from alerts.register import methods
from store.engine import reading
from store.schema import audit, contact_methods, link_invitations

DAY = 24 * 3_600_000
USER = "U" + "0" * 32
OTHER = "U" + "1" * 32


@pytest.fixture
def invite(village, start):
    def made(person="ichiro", at_ms=start):
        with village.db.begin() as connection:
            return linking.invite(connection, person, "shiki", at_ms)

    return made


@pytest.fixture
def link(village, start):
    def linked(code, user=USER, at_ms=start + 1000):
        with village.db.begin() as connection:
            return linking.link_by_code(connection, "line", linking.code_in(code), user, at_ms)

    return linked


def lines_of(village, person):
    return [row for row in village.rows(contact_methods) if (row.person_id, row.channel) == (person, "line")]


def test_a_code_makes_the_account_a_verified_contact_method(village, invite, link, start):
    assert link(invite()) == "ichiro"
    (method,) = lines_of(village, "ichiro")
    assert (method.address, method.verified_ms, method.disabled_reason) == (USER, start + 1000, None)
    with reading(village.db) as connection:
        assert method.id in [row.id for row in methods(connection, "ichiro")]


def test_a_code_works_once(village, invite, link):
    code = invite()
    link(code)
    with pytest.raises(UnusableInvitation):
        link(code, OTHER)
    assert [row.address for row in lines_of(village, "ichiro")] == [USER]


def test_a_code_of_yesterday_a_replaced_one_and_a_guess_change_nothing(village, invite, link, start):
    first = invite()
    second = invite(at_ms=start + 1)
    for code, at_ms in ((first, start + 2), (second, start + 1 + DAY), ("0000 0000 0000", start + 2)):
        with pytest.raises(UnusableInvitation):
            link(code, at_ms=at_ms)
    assert lines_of(village, "ichiro") == []
    assert link(second, at_ms=start + DAY) == "ichiro", "a day is a day"


def test_who_links_anew_has_another_account(village, invite, link):
    link(invite())
    link(invite(), OTHER)
    assert {row.address: row.disabled_reason for row in lines_of(village, "ichiro")} == {USER: "replaced", OTHER: None}
    link(invite(), USER)
    assert {row.address: row.disabled_reason for row in lines_of(village, "ichiro")} == {USER: None, OTHER: "replaced"}


def test_neither_code_nor_account_is_written_where_it_does_not_belong(village, invite, link):
    code = invite()
    link(code)
    kept = repr([village.rows(audit), village.rows(link_invitations)])
    assert code not in kept
    assert code.replace(" ", "") not in kept
    assert USER not in kept


def test_nobody_unknown_is_invited(invite):
    with pytest.raises(UnusableInvitation, match="add them first"):
        invite("nobody")


@pytest.mark.parametrize("text", ["123456789012", "1234 5678 9012", "１２３４　５６７８　９０１２", "1234-5678-9012\n"])
def test_a_code_is_known_however_it_is_typed(text):
    assert linking.code_in(text) == "123456789012"


@pytest.mark.parametrize("text", ["", "大丈夫", "12345678901", "1234567890123", "一二三四五六七八九〇一二", "٠" * 12])
def test_anything_else_is_no_code(text):
    assert linking.code_in(text) is None


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_a_code_is_twelve_digits_or_none(text):
    code = linking.code_in(text)
    assert code is None or (len(code) == 12 and set(code) <= set("0123456789"))
