"""``[channels.twilio]``: what is needed to send text messages and to call, checked at start."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.dataclasses import dataclass

from store.settings import STRICT_KEYS, read_keys

API_URL: Final = "https://api.twilio.com"
LONGEST_TIMEOUT_S: Final = 60
_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
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
    ring_s: Annotated[int, Field(ge=10, le=120)] = 40
    machine_detection: bool = True
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_S)] = 4
    edge: str = ""
    api_url: str = API_URL

    def __post_init__(self) -> None:
        if not self.is_on:
            return
        if not _ACCOUNT.fullmatch(self.account_sid) or self.token_file is None:
            raise ValueError(
                "account_sid and token_file: give both; account_sid is AC and 32 hexadecimal digits, from the console"
            )
        if self.sms_from and not any(form.fullmatch(self.sms_from) for form in (_NUMBER, _SERVICE, _SENDER_NAME)):
            raise ValueError(
                "sms_from must be a number such as +815012345678, a messaging service MG…, or a sender "
                "name of at most 11 ASCII letters and digits"
            )
        if self.voice_from and not _NUMBER.fullmatch(self.voice_from):
            raise ValueError("voice_from must be a number such as +815012345678")
        if not self.sms_from and not self.voice_from:
            raise ValueError("sms_from or voice_from is needed, or both; else remove the table")
        if self.voice_from and not self.public_url:
            raise ValueError("voice_from needs public_url: Twilio asks there what to say")
        _check_url("public_url", self.public_url, secure=self.api_url == API_URL)
        _check_url("api_url", self.api_url, secure=False)

    @property
    def is_on(self) -> bool:
        """Whether anything goes out by Twilio."""
        return bool(self.account_sid or self.token_file)

    def tokens(self) -> Sequence[str]:
        """The auth tokens of the file: the first is sent, both are taken from webhooks.

        Raises:
            SettingsError: the file cannot be read, or holds no token, or more than two.
        """
        return read_keys(self.token_file, "channels.twilio.token_file", most=2, form="[!-~]{16,128}")

    def webhook(self, path: str) -> str:
        """The address that Twilio calls; it tries again when our answer fails (the part after ``#`` asks for that)."""
        return f"{self.public_url.rstrip('/')}/webhooks/twilio/{path}#rc=3&rp=5xx,ct,rt"


def _check_url(name: str, value: str, *, secure: bool) -> None:
    if not value:
        return
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{name} must be an address such as https://mimamori.example.jp")
    if secure and parts.scheme != "https":
        raise ValueError(f"{name} must begin with https://: it carries answers about people")
