"""How a person's own account at a vendor becomes a contact method: they send the one-time code that staff gave them.

Whoever holds the code is taken for the person, so it works once, for a day, and a newer one replaces it. It has twelve
digits, because it is typed on a phone by people of every age: with a hundred codes open at a time, a guess every second
for a whole day finds one with a chance of one in a hundred thousand.
"""

import hashlib
import secrets
import unicodedata
import uuid
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from alerts.errors import UnusableInvitation
from store.register.registry import Registry
from store.schema import link_invitations, people

VALID_MS: Final = 24 * 3_600_000
DIGITS: Final = 12
_BETWEEN: Final = " -‐‑–—―−ー・\t\n"  # what people write between groups of digits


def invite(connection: Connection, person_id: str, made_by: str, now_ms: int, channel: str = "line") -> str:
    """A new code for a person, which staff hand over; older ones of the same channel are void.

    Args:
        connection: an open transaction.
        person_id: whose account is to be linked.
        made_by: person id of the staff, or the part that acts.
        now_ms: now, ms UTC.
        channel: as in the contact methods.

    Returns:
        Twelve digits in groups of four; secret, shown once and stored as a hash only.

    Raises:
        UnusableInvitation: the person is not in the register.
    """
    if connection.execute(select(people.c.id).where(people.c.id == person_id)).first() is None:
        raise UnusableInvitation(f"person '{person_id[:64]}' is not in the register; add them first")
    older = (link_invitations.c.person_id == person_id) & (link_invitations.c.channel == channel)
    connection.execute(update(link_invitations).where(older & _unused()).values(ended_ms=now_ms))
    code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
    connection.execute(
        insert(link_invitations).values(
            id=uuid.uuid4().hex,
            person_id=person_id,
            channel=channel,
            code_hash=_hash(code),
            made_by=made_by,
            made_ms=now_ms,
            expires_ms=now_ms + VALID_MS,
        )
    )
    return " ".join(code[i : i + 4] for i in range(0, DIGITS, 4))


def code_in(text: str) -> str | None:
    """The code that a message is, however it was typed (full-width digits, spaces, dashes); None: it is none."""
    digits = "".join(letter for letter in unicodedata.normalize("NFKC", text[:100]) if letter not in _BETWEEN)
    return digits if len(digits) == DIGITS and digits.isascii() and digits.isdecimal() else None


def link_by_code(connection: Connection, channel: str, code: str, address: str, now_ms: int) -> str:
    """Make ``address`` a verified contact method of whom the code was made for; gives the person's id.

    Raises:
        UnusableInvitation: no such code, used or replaced, or too old. Nothing was changed.
    """
    known = (link_invitations.c.channel == channel) & (link_invitations.c.code_hash == _hash(code))
    usable = known & _unused() & (link_invitations.c.expires_ms > now_ms)
    used = update(link_invitations).where(usable).values(ended_ms=now_ms).returning(link_invitations.c.person_id)
    person_id = connection.execute(used).scalar()
    if person_id is None:
        raise UnusableInvitation("the code is not one of ours, was used, or is older than a day; ask for a new one")
    Registry(connection, f"alerts-{channel}", now_ms).link_contact_method(person_id, channel, address)
    return str(person_id)


def _unused() -> Any:  # noqa: ANN401 - a SQL condition
    return link_invitations.c.ended_ms.is_(None)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
