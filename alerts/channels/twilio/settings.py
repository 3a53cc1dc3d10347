"""``[channels.twilio]``: what is needed to send text messages and to call, checked at start."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from alerts.errors import SettingsError

API_URL: Final = "https://api.twilio.com"
LONGEST_TIMEOUT_S: Final = 60
REQUESTS_A_SEND: Final = 3
"""A look-up of one or two pages, and the send."""
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_TOKEN: Final = re.compile(r"[!-~]{16,128}")


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """How Twilio is used.

    Attributes:
        account_sid: ``AC…``, from the console. Empty: Twilio is off.
        token_file: the auth token on a line; while it is rotated, the new one first and the old one on a second line.
        sms_from: what messages come from: a number (``+81…``), a messaging service (``MG…``), or a sender name of up to
            11 ASCII letters, which cannot be answered. Empty: no SMS.
        voice_from: the number that calls come from. Empty: no calls.
        public_url: how Twilio reaches our webhooks, as its signature names it; behind a TLS proxy the outer address.
            Empty: no receipts, no replies, and no calls.
        sms_link: put the page's link into the SMS. Carriers in Japan filter links.
        sms_replies: say in the SMS how to answer by a reply. Only for numbers that Twilio lets receive from Japan.
        ring_s: how long a phone rings, 10 to 120 seconds.
        machine_detection: let Twilio tell answering machines from people.
        timeout_s: longest time of one request, seconds; a send makes up to three.
        edge: where Twilio is entered, such as ``tokyo``, which calls from Japanese numbers need. Empty: the nearest.
        api_url: address of the API, for a double.
    """

    account_sid: str = ""
    token_file: Path | None = None
    sms_from: str = ""
    voice_from: str = ""
    public_url: str = ""
    sms_link: bool = False
    sms_replies: bool = False
    ring_s: int = 40
    machine_detection: bool = True
    timeout_s: int = 4
    edge: str = ""
    api_url: str = API_URL

    def __post_init__(self) -> None:
        for item in fields(self):
            _check_kind(item.name, getattr(self, item.name), item.type)
        if not self.is_on:
            return
        if not _ACCOUNT.fullmatch(self.account_sid) or self.token_file is None:
            raise SettingsError(
                "channels.twilio needs both account_sid (AC and 32 hexadecimal digits, from the console) and token_file"
            )
        if self.sms_from and not any(form.fullmatch(self.sms_from) for form in (_NUMBER, _SERVICE, _SENDER_NAME)):
            raise SettingsError(
                "channels.twilio.sms_from must be a number such as +815012345678, a messaging service MG…, or a sender "
                "name of at most 11 ASCII letters and digits"
            )
        if self.voice_from and not _NUMBER.fullmatch(self.voice_from):
            raise SettingsError("channels.twilio.voice_from must be a number such as +815012345678")
        if not self.sms_from and not self.voice_from:
            raise SettingsError("channels.twilio needs sms_from, voice_from, or both; else remove the table")
        if self.voice_from and not self.public_url:
            raise SettingsError("channels.twilio.voice_from needs public_url: Twilio asks there what to say")
        _check_url("public_url", self.public_url, secure=self.api_url == API_URL)
        _check_url("api_url", self.api_url, secure=False)
        if not 10 <= self.ring_s <= 120:
            raise SettingsError("channels.twilio.ring_s must be 10 to 120")
        if not 1 <= self.timeout_s <= LONGEST_TIMEOUT_S:
            raise SettingsError(f"channels.twilio.timeout_s must be 1 to {LONGEST_TIMEOUT_S}")

    @property
    def is_on(self) -> bool:
        """Whether anything goes out by Twilio."""
        return bool(self.account_sid or self.token_file)

    def check(self, lease_s: int) -> None:
        """Raises SettingsError for what cannot work, given the sender's lease in seconds."""
        if self.is_on and REQUESTS_A_SEND * self.timeout_s >= lease_s / 2:
            raise SettingsError(
                f"channels.twilio.timeout_s must be less than a sixth of alerts.lease_s ({lease_s}), not "
                f"{self.timeout_s}: a send with its look-up must be over before another worker takes it up"
            )

    def tokens(self) -> tuple[str, ...]:
        """The auth tokens of the file: the first is sent, both are taken from webhooks.

        Raises:
            SettingsError: the file cannot be read, or holds no token, or more than two.
        """
        if self.token_file is None:
            raise SettingsError("channels.twilio.token_file is missing")
        try:
            lines = self.token_file.read_text().split()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(
                f"channels.twilio.token_file {self.token_file}: cannot be read; put the token there"
            ) from None
        if not 1 <= len(lines) <= 2 or not all(_TOKEN.fullmatch(line) for line in lines):
            raise SettingsError(
                f"channels.twilio.token_file {self.token_file}: must hold one auth token, or two while it is rotated"
            )
        return tuple(lines)

    def webhook(self, path: str) -> str:
        """The address that Twilio calls; it tries again when our answer fails (the part after ``#`` asks for that)."""
        return f"{self.public_url.rstrip('/')}/webhooks/twilio/{path}#rc=3&rp=5xx,ct,rt"


def _check_kind(name: str, value: object, kind: object) -> None:
    words = {bool: "true or false", int: "a whole number", str: "a text"}
    for known, said in words.items():
        if kind is known and (not isinstance(value, known) or (isinstance(value, bool) and known is not bool)):
            raise SettingsError(f"channels.twilio.{name} must be {said}")


def _check_url(name: str, value: str, *, secure: bool) -> None:
    if not value:
        return
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"channels.twilio.{name} must be an address such as https://mimamori.example.jp")
    if secure and parts.scheme != "https":
        raise SettingsError(f"channels.twilio.{name} must begin with https://: it carries answers about people")
