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
import base64
import email
import email.policy
import ssl
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Final, Self

STEPS: Final = ("greeting", "login", "sender", "rcpt", "data", "end", "quit")
LONGEST_LINE: Final = 998
"""Bytes of a line of mail, without its end (RFC 5322, 2.1.1)."""
_HEADERS: Final = ("From", "To", "Subject", "Date", "Message-ID")
_START_S: Final = 10.0


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


@dataclass(slots=True)
class _Dialogue:
    """One connection: what was said so far."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tls: bool = False
    user: str = ""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)


class _Over(Exception):
    """The connection ends here."""


class MailDouble:
    """Listens on a free port of 127.0.0.1 between `start` and `stop`, or as a context manager, in a thread of its own.

    Args:
        tls: certificate and key for STARTTLS; None offers none.
        username, password: the only login; an empty password: none is asked for.

    Attributes:
        mails: what was taken, oldest first. violations: what broke the rules, in words.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, username: str = "mimamori", password: str = "") -> None:
        self.port = 0
        self.mails: list[TakenMail] = []
        self.violations: list[str] = []
        self._tls, self._username, self._password = tls, username, password
        self._faults: list[tuple[str, int | str]] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), name="mail double")

    def fail(self, step: str, how: int | str) -> None:
        """Fail at the next time that ``step`` is reached: a code to answer, ``hang``, or ``drop`` the connection."""
        if step not in STEPS or (isinstance(how, str) and how not in ("hang", "drop")):
            raise ValueError(f"a step is one of {', '.join(STEPS)}; a failure is a code, hang or drop")
        self._faults.append((step, how))

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError("the mail double does not listen")

    def stop(self) -> None:
        """Stop; connections are cut."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with_client = _Dialogue(reader, writer)
        try:
            await self._step(with_client, "greeting", "220 double ESMTP")
            while line := await with_client.reader.readline():
                await self._answer(with_client, line.decode("ascii", "replace").strip())
        except (_Over, OSError):
            return
        finally:
            with_client.writer.close()

    async def _answer(self, client: _Dialogue, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO":
                await self._say(client, *self._offers(client))
            case "STARTTLS" if self._tls and not client.tls:
                await self._say(client, "220 go ahead")
                await client.writer.start_tls(self._tls)
                client.tls = True
            case "AUTH":
                await self._login(client, rest)
            case "MAIL" | "RCPT" | "DATA":
                await self._mail(client, verb.upper(), rest)
            case "RSET" | "NOOP":
                await self._say(client, "250 ok")
            case "QUIT":
                await self._step(client, "quit", "221 bye")
                raise _Over
            case _:
                self.violations.append(f"unknown command {verb[:20]}")
                await self._say(client, "500 what")

    def _offers(self, client: _Dialogue) -> list[str]:
        more = ["STARTTLS"] if self._tls and not client.tls else []
        more += ["AUTH PLAIN"] if self._password and (client.tls or not self._tls) else []
        return [*(f"250-{word}" for word in ("double", *more)), "250 HELP"]

    async def _login(self, client: _Dialogue, rest: str) -> None:
        given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        right = given[1:] == [self._username, self._password]
        client.user = self._username if right else ""
        await self._step(client, "login", "235 welcome" if right else "535 5.7.8 wrong user or password")

    async def _mail(self, client: _Dialogue, verb: str, rest: str) -> None:
        if self._password and not client.user:
            await self._say(client, "530 5.7.0 log in first")
        elif verb == "MAIL":
            client.sender, client.recipients = _address(rest), []
            await self._step(client, "sender", "250 ok")
        elif verb == "RCPT" and client.sender:
            client.recipients.append(_address(rest))
            await self._step(client, "rcpt", "250 ok")
        elif verb == "DATA" and client.recipients:
            if await self._step(client, "data", "354 go on"):
                await self._text(client)
        else:
            self.violations.append(f"{verb} out of order")
            await self._say(client, "503 out of order")

    async def _text(self, client: _Dialogue) -> None:
        lines: list[bytes] = []
        while (line := await client.reader.readline()) != b".\r\n":
            if not line:
                raise _Over  # the client went in the middle of the text: nothing was taken
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        mail = TakenMail(client.sender, tuple(client.recipients), b"".join(lines), client.tls, client.user)
        self.violations += broken_rules(mail)
        refused = next((how for step, how in self._faults if step == "end"), None)
        if not isinstance(refused, int):
            self.mails.append(mail)
        await self._step(client, "end", "250 taken")

    async def _step(self, client: _Dialogue, step: str, well: str) -> bool:
        """Answer a step, well or as it was told to fail; whether it went well."""
        fault = next((item for item in self._faults if item[0] == step), None)
        if fault is None:
            await self._say(client, well)
            return True
        self._faults.remove(fault)
        how = fault[1]
        if how == "drop":
            raise _Over
        if how == "hang":
            await asyncio.sleep(3600)
        await self._say(client, f"{how} told to fail")
        return False

    async def _say(self, client: _Dialogue, *lines: str) -> None:
        client.writer.write("".join(line + "\r\n" for line in lines).encode())
        await client.writer.drain()


def broken_rules(mail: TakenMail) -> list[str]:
    """What a strict server or reader would find wrong with a mail. Pure."""
    found: list[str] = []
    lines = mail.raw.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        found.append("a line ends without CR LF")
    if any(len(line) > LONGEST_LINE for line in lines):
        found.append("a line is too long")
    if not mail.raw.isascii():
        found.append("eight bits, which this server does not offer")
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


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
