"""A message that shows whether a contact method reaches its person: of no incident, marked as a test, with a code.

Written down before it is sent, and its outcome afterwards, like every message. It is tried once: whoever asked for it
is there, sees what came of it, and can ask again. Giving the code back verifies the contact method.
"""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, update

from alerts.decisions.model import Purpose
from alerts.delivery.sender import try_once
from alerts.errors import RefusedTest
from alerts.ports import Channel, OutgoingMessage, SendOutcome, SendResult
from alerts.register import AnyRow
from alerts.wording import messages
from store.register.registry import Registry, note_contact_ok
from store.schema import contact_methods, people, test_sends

CODE_VALID_MS: Final = 72 * 3_600_000
"""Somebody may have to be visited to read the message."""
ARRIVES_WITHIN_MS: Final = 3_600_000
"""A test that arrives later than this shows nothing: the vendor is told to drop it."""
MOST_WRONG_CODES: Final = 5
_CODES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SentTest(SendResult):
    """What became of a test: what the channel says of it, and its ``id``, which is the vendor's retry key."""

    id: str = ""


def send_test(db: Engine, channels: Mapping[str, Channel], method: str, now_ms: int) -> SentTest:
    """Send a test to a contact method by its real channel, and record what came of it.

    Args:
        db: the relational store.
        channels: those set up here, by name.
        method: id of the contact method.
        now_ms: now, ms UTC.

    Raises:
        RefusedTest: the method is not there or disabled, its person opted out, or its channel is not set up here;
            nothing was sent.
    """
    code = f"{secrets.randbelow(_CODES):06}"
    test_id = str(uuid.uuid4())
    with db.begin() as connection:
        row = _usable(connection, method)
        channel = channels.get(row.channel)
        if channel is None:
            known = ", ".join(sorted(channels)) or "none"
            raise RefusedTest(f"channel '{row.channel}' is not set up in [channels] of the settings; set up: {known}")
        begun = {"contact_method_id": method, "code_digest": _code_hash(test_id, code), "created_ms": now_ms}
        connection.execute(insert(test_sends).values(id=test_id, expires_ms=now_ms + CODE_VALID_MS, **begun))
    result = try_once(row.channel, channel, _message(test_id, row, code, now_ms))
    with db.begin() as connection:
        ended = asdict(result) | {"ended_ms": now_ms}
        connection.execute(update(test_sends).where(test_sends.c.id == test_id).values(ended))
        if result.outcome is SendOutcome.OK:
            note_contact_ok(connection, method, now_ms)
    return SentTest(**asdict(result), id=test_id)


def verify(db: Engine, method: str, code: str, actor: str, now_ms: int) -> None:
    """The receiver gave the code of the newest test back: the contact method is verified, with an audit line.

    A wrong code is counted, and after `MOST_WRONG_CODES` the test is worth nothing any more.

    Args:
        db: the relational store.
        method: id of the contact method.
        code: as it was received; digits of any width, spaces do not matter.
        actor: person id, or the part that acts.
        now_ms: now, ms UTC.

    Raises:
        RefusedTest: no test whose code would count, or not its code.
    """
    with db.begin() as connection:
        test = _newest(connection, method, now_ms)
        this = test_sends.c.id == test.id
        right = hmac.compare_digest(_code_hash(test.id, messages.digits_in(code)), test.code_digest)
        if right:
            connection.execute(update(test_sends).where(this).values(confirmed_ms=now_ms))
            Registry(connection, actor, now_ms).verify_contact_method(method)
        else:
            connection.execute(update(test_sends).where(this).values(wrong_codes=test_sends.c.wrong_codes + 1))
    if not right:
        left = MOST_WRONG_CODES - test.wrong_codes - 1
        again = f"{left} more tries" if left else f"no try is left; send another: mimamori test-send {method}"
        raise RefusedTest(f"that is not the code of the newest test of contact method '{method}'; {again}")


def _usable(connection: Connection, method: str) -> AnyRow:
    found = (
        select(contact_methods, people.c.opt_out_ms, people.c.language)
        .join(people, people.c.id == contact_methods.c.person_id)
        .where(contact_methods.c.id == method)
    )
    row = connection.execute(found).first()
    if row is None:
        raise RefusedTest(f"contact method '{method}' is not in the register; see mimamori contacts list")
    if row.opt_out_ms is not None:
        raise RefusedTest(
            f"person '{row.person_id}' opted out and is not contacted; mimamori people opt-in, if they wish"
        )
    if row.disabled_reason is not None:
        why = row.disabled_reason
        raise RefusedTest(f"contact method '{method}' is disabled ({why}); mimamori contacts enable {method}")
    return row


def _newest(connection: Connection, method: str, now_ms: int) -> AnyRow:
    found = select(test_sends).where(test_sends.c.contact_method_id == method)
    test = connection.execute(found.order_by(test_sends.c.created_ms.desc(), test_sends.c.id).with_for_update()).first()
    remedy = f"send one: mimamori test-send {method}"
    if test is None:
        raise RefusedTest(f"no test was sent to contact method '{method}'; {remedy}")
    if test.confirmed_ms is not None:
        raise RefusedTest(f"the newest test of contact method '{method}' was confirmed already; nothing is to be done")
    if now_ms >= test.expires_ms or test.wrong_codes >= MOST_WRONG_CODES:
        raise RefusedTest(f"the code of contact method '{method}' does not count any more; {remedy}")
    return test


def _message(test_id: str, row: AnyRow, code: str, now_ms: int) -> OutgoingMessage:
    text = messages.text_of_test(code, row.language)
    return OutgoingMessage(
        delivery_id=test_id,
        person_id=row.person_id,
        address=row.address,
        subject=text.subject,
        body=text.body,
        link=None,
        purpose=Purpose.TEST,
        language=row.language,
        expires_ms=now_ms + ARRIVES_WITHIN_MS,
        at_ms=now_ms,
    )


def _code_hash(test_id: str, code: str) -> str:
    # Whoever glances at the table does not see the code; a guess costs one of five tries.
    return hashlib.sha256(f"{test_id}:{code}".encode()).hexdigest()
