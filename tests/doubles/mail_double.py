"""A mail server on this machine: keeps what it takes, checks it against the rules of mail, and fails as it is told.

::

    with MailDouble(password="secret") as server:
        server.fail("end", 451)             # or "hang" and "drop", at a step of the dialogue
        ...
        server.mails[0].message["Subject"]

Steps, in order: ``greeting``, ``login``, ``sender``, ``rcpt``, ``data`` (before the text), ``end`` (the text is here),
``quit``. At ``end``, ``hang`` and ``drop`` keep the mail and say nothing: whoever sent it does not know.
"""

import asyncio
import email
import email.policy
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from simulators.processes import free_port

USERNAME: Final = "mimamori"
STEPS: Final = ("greeting", "login", "sender", "rcpt", "data", "end", "quit")
LONGEST_LINE: Final = 998
"""Bytes of a line of mail, without its end (RFC 5322, 2.1.1)."""
_HEADERS: Final = ("From", "To", "Subject", "Date", "Message-ID")
_HANGING_S: Final = 3_600
_BROKEN: Final = ("500", "501", "503")
"""What the server answers to a client that breaks the rules of the dialogue."""


@dataclass(frozen=True, slots=True)
class TakenMail:
    """One mail. ``tls``: whether the connection was encrypted; ``user``: who had logged in, empty for nobody."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    tls: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        """As a mail program reads it."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def text(self) -> str:
        """Its text, decoded."""
        return str(self.message.get_content()).replace("\r\n", "\n")


class MailDouble:
    """Listens on a free port of 127.0.0.1 as a context manager, in a thread of its own.

    Args:
        tls: certificate and key for STARTTLS; None offers none.
        password: of the only login, `USERNAME`; empty: none is asked for.

    Attributes:
        mails: what was taken, oldest first. violations: what broke the rules, in words.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, password: str = "") -> None:
        self.port = free_port()
        self.mails: list[TakenMail] = []
        self.violations: list[str] = []
        self._login = LoginPassword(USERNAME.encode(), password.encode())
        self._faults: list[tuple[str, int | str]] = []
        self._controller = Controller(self, "127.0.0.1", self.port)
        self._controller.factory = lambda: _Dialogue(
            self,
            tls_context=tls,
            authenticator=self._authenticate,
            auth_required=bool(password),
            auth_require_tls=tls is not None,
            auth_exclude_mechanism=["LOGIN"],
        )

    def fail(self, step: str, how: int | str) -> None:
        """Fail at the next time that ``step`` is reached: a code to answer, ``hang``, or ``drop`` the connection."""
        if step not in STEPS or (isinstance(how, str) and how not in ("hang", "drop")):
            raise ValueError(f"a step is one of {', '.join(STEPS)}; a failure is a code, hang or drop")
        self._faults.append((step, how))

    async def fault(self, step: str) -> str:
        """How a step fails, in the words of the server; empty: it goes well. Hangs or drops where it was told to."""
        found = next((item for item in self._faults if item[0] == step), None)
        if found is None:
            return ""
        self._faults.remove(found)
        if found[1] == "drop":
            raise asyncio.CancelledError  # the server closes the connection, and says nothing
        if found[1] == "hang":
            await asyncio.sleep(_HANGING_S)
        return f"{found[1]} told to fail"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take a mail, unless the fault that was set is a code."""
        sender, user = envelope.mail_from or "", session.auth_data or ""
        raw = envelope.original_content or b""
        mail = TakenMail(sender, tuple(envelope.rcpt_tos), raw, session.ssl is not None, user)
        self.violations += broken_rules(mail)
        if not any(step == "end" and isinstance(how, int) for step, how in self._faults):
            self.mails.append(mail)
        return await self.fault("end") or "250 taken"

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=given == self._login, handled=False, auth_data=given.login.decode())

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()


class _Dialogue(SMTP):
    """One connection, with the faults that were set."""

    async def _fails(self, step: str) -> bool:
        words = await self.event_handler.fault(step)
        if words:
            await super().push(words)
        return bool(words)

    async def push(self, status: Any) -> None:
        if str(status).startswith(_BROKEN):
            self.event_handler.violations.append(str(status))
        await super().push(status)

    async def _handle_client(self) -> None:
        if not await self._fails("greeting"):
            await super()._handle_client()

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        if not await self._fails("login"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if not await self._fails("sender"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if not await self._fails("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if not await self._fails("data"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        if not await self._fails("quit"):
            await super().smtp_QUIT(arg)


def broken_rules(mail: TakenMail) -> list[str]:
    """What a strict server or reader would find wrong with a mail. Pure."""
    found: list[str] = []
    lines = mail.raw.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        found.append("a line ends without CR LF")
    if any(len(line) > LONGEST_LINE for line in lines):
        found.append("a line is too long")
    if not mail.raw.isascii():
        found.append("eight bits, which not every server takes")
    message = mail.message
    found += [
        f"{name} stands {len(message.get_all(name, []))} times"
        for name in _HEADERS
        if len(message.get_all(name, [])) != 1
    ]
    if mail.sender not in str(message["From"]):
        found.append("From is not the sender of the envelope")
    if any(message.defects):
        found.append("the headers cannot be read")
    return found
