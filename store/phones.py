"""Phone numbers in the one way they are kept (E.164), and addresses as they may be shown. Pure."""

import re
import unicodedata
from typing import Final

_LOOSE: Final = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc().\u3000\u00a0")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_AT_HOME: Final = re.compile(r"0(?:[2-9]0[0-9]{8}|[1-9][1-9][0-9]{7})")  # 090-… and 050-… have 11 digits, others 10
_JAPAN: Final = re.compile(r"\+81(?:[2-9]0[0-9]{8}|[1-9][1-9][0-9]{7})")
_PHONES: Final = ("sms", "voice")
_SHOWN_AS_THEY_ARE: Final = ("console", "outbox", "home")


def e164(text: str) -> str | None:
    """A number as people write it, as ``+81…``; a Japanese number without its country gets it.

    ``090-1234-5678``, ``０９０（１２３４）５６７８`` and ``+81 90 1234 5678`` are one number. None: it is no phone
    number, or a Japanese one with a digit too many or too few.
    """
    digits = unicodedata.normalize("NFKC", text).translate(_LOOSE)
    if _AT_HOME.fullmatch(digits):
        digits = "+81" + digits[1:]
    wanted = _JAPAN if digits.startswith("+81") else _E164
    return digits if digits.isascii() and wanted.fullmatch(digits) else None


def redacted(channel: str, address: str) -> str:
    """An address as it may stand on a screen: enough to tell two apart, not enough to call.

    Channels that are no secret (the console, a folder, the home) are shown as they are.
    """
    if channel in _SHOWN_AS_THEY_ARE or not address:
        return address
    if channel in _PHONES:
        return f"{address[:3]}…{address[-2:]}"
    name, at, domain = address.partition("@")
    return f"{name[:1]}…@{domain}" if at else f"{address[:2]}…"
