"""Phone numbers in the one way they are kept (E.164), and addresses as they may be shown. Pure."""

import re
import unicodedata
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, ValidationResult

_SEPARATED: Final = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc().\u3000\u00a0")
_E164: Final = re.compile(r"\+(?!810|8110)[1-9][0-9]{6,14}")  # no 0 after +81; 010-… is how Japan dials abroad
_PHONES: Final = ("sms", "voice")
_SHOWN_AS_THEY_ARE: Final = ("console", "outbox", "home")


def e164(text: str) -> str | None:
    """A number as people write it, as ``+81…``; a Japanese number without its country gets it.

    ``090-1234-5678``, ``０９０（１２３４）５６７８`` and ``+81 90 1234 5678`` are one number. None: it is no phone
    number, or one with a digit too many or too few.
    """
    digits = unicodedata.normalize("NFKC", text).translate(_SEPARATED)
    if digits.startswith("0"):
        digits = "+81" + digits[1:]
    if not digits.isascii() or not _E164.fullmatch(digits):
        return None
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:  # no country has this code
        return None
    # Possible, not valid: ranges are handed out faster than the library learns of them, and those of demos and tests
    # (090-0000-…) belong to nobody.
    length = phonenumbers.is_possible_number_for_type_with_reason(number, _kind(number))
    if length != ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _kind(number: phonenumbers.PhoneNumber) -> int:
    """What decides about the length: in Japan 090-… and 050-… have eleven digits, others ten."""
    if number.country_code != 81:
        return PhoneNumberType.UNKNOWN
    eleven = re.match("[2-9]0", str(number.national_number))
    return PhoneNumberType.MOBILE if eleven else PhoneNumberType.FIXED_LINE


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
