"""E-mail, for staff: over the standard library's SMTP, with the steps told apart by what is known after each.

Until the text is handed over a broken connection means *surely not sent*; from there on nobody knows, until the last
word of the server. SMTP has no key that tells a resend, so every try carries the same Message-ID, by which mail
programs show it once. 4xx may work later, 5xx never will (RFC 5321, 4.2.1); what a server says about our login or our
sender address is about the account, and not about the reader's address.
"""

import logging
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from alerts.channels.bounded import TimedOut, run_with_timeout
from alerts.channels.email.settings import EmailSettings
from alerts.errors import Failure
from alerts.ports import OutgoingMessage, SendOutcome, SendResult

log = logging.getLogger(__name__)

_PERMANENT: Final = 500
_READY: Final = 250
_NOT_OFFERED: Final = 502
"""As if the server had said it: it offers no TLS, or no login."""
_WILL_FORWARD: Final = 251


class _Refused(Exception):
    """The server said no to one step."""

    def __init__(self, step: str, code: int) -> None:
        super().__init__(f"{step} {code}")
        self.step, self.code = step, code


class EmailChannel:
    """Sends to mail addresses.

    Args:
        settings: with a host.
        password: for the login; None: no login.
    """

    name = "email"

    def __init__(self, settings: EmailSettings, password: str | None) -> None:
        self._settings = settings
        self._password = password

    def send(self, message: OutgoingMessage) -> SendResult:
        """Try once, for at most ``timeout_s``."""
        try:
            mail = written(message, self._settings.sender)
        except ValueError as error:  # an address or a subject that no mail can carry; not its text, which is theirs
            log.error("delivery %s cannot be written as mail: %s", message.delivery_id, type(error).__name__)
            return SendResult(SendOutcome.PERMANENT, detail="cannot be written as mail")
        handing = _HandingOver()
        try:
            run_with_timeout(self._settings.timeout_s, lambda: self._hand_over(mail, message.address, handing))
        except _Refused as error:
            return classify_refusal(error.step, error.code)
        except (TimedOut, OSError, smtplib.SMTPException) as error:
            known = handing.give_up()
            if known is not SendOutcome.OK:
                return SendResult(known, detail=type(error).__name__)
        return SendResult(SendOutcome.OK, vendor_id=mail["Message-ID"])

    def check_login(self) -> str | None:
        """What keeps mail from going out, found without sending any; None: nothing."""
        try:
            run_with_timeout(self._settings.timeout_s, self._log_in_and_out)
        except _Refused as error:
            return str(error)
        except (TimedOut, OSError, smtplib.SMTPException) as error:
            return str(error) or type(error).__name__
        return None

    def _log_in_and_out(self) -> None:
        with self._session():
            return

    def _hand_over(self, mail: EmailMessage, address: str, handing: "_HandingOver") -> None:
        with self._session() as smtp:
            _check("sender", smtp.mail(self._settings.sender))
            _check("rcpt", smtp.rcpt(address), _WILL_FORWARD)
            if not handing.begin():
                return  # given up meanwhile: what was reported as not sent must not go out
            try:
                _check("data", smtp.data(mail.as_bytes()))
            except smtplib.SMTPDataError as error:
                raise _Refused("data", error.smtp_code) from None
            handing.taken()

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A connection that may send, and ends with the block."""
        with closing(self._connected()) as smtp:
            self._log_in(smtp)
            yield smtp
            try:
                smtp.quit()
            except (OSError, smtplib.SMTPException) as error:  # the mail was taken before, or not
                log.debug("the mail server went before the farewell: %s", type(error).__name__)

    def _connected(self) -> smtplib.SMTP:
        own = self._settings
        if own.security == "tls":
            return smtplib.SMTP_SSL(own.host, own.port, timeout=own.timeout_s, context=self._tls())
        return smtplib.SMTP(own.host, own.port, timeout=own.timeout_s)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.ehlo_or_helo_if_needed()
            if self._settings.security == "starttls":
                smtp.starttls(context=self._tls())
            if self._settings.username and self._password is not None:
                smtp.login(self._settings.username, self._password)
        except smtplib.SMTPResponseException as error:
            raise _Refused("login", error.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise _Refused("login", _NOT_OFFERED) from None

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca)


class _HandingOver:
    """How far a try has come: the sender asks when its time is up, while the work may still go on in its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = SendOutcome.RETRY
        self._given_up = False

    def begin(self) -> bool:
        """The text goes now; False: nobody waits for it any more, so it must not."""
        with self._lock:
            if not self._given_up:
                self._known = SendOutcome.AMBIGUOUS
            return not self._given_up

    def taken(self) -> None:
        """The server has it; what it says afterwards does not matter."""
        with self._lock:
            self._known = SendOutcome.OK

    def give_up(self) -> SendOutcome:
        """Nobody waits any more; what is known of the try by now."""
        with self._lock:
            self._given_up = True
            return self._known


def _check(step: str, answer: tuple[int, bytes], also: int = _READY) -> None:
    if answer[0] not in (_READY, also):
        raise _Refused(step, answer[0])


def written(message: OutgoingMessage, sender: str) -> EmailMessage:
    """The mail: the same Message-ID at every try. Raises ValueError for what no mail can carry."""
    if not message.address.isascii():
        raise ValueError("an address beyond ASCII")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = formatdate(message.at_ms / 1000)
    mail["Message-ID"] = f"<{message.delivery_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no holiday reply comes back (RFC 3834)
    text = f"{message.body}\n\n{message.link}\n" if message.link else f"{message.body}\n"
    mail.set_content(text, cte="base64")  # passes servers that take seven bits only
    return mail


def classify_refusal(step: str, code: int) -> SendResult:
    """What a server's refusal of one step means. Pure."""
    if code < _PERMANENT:
        return SendResult(SendOutcome.RETRY, detail=f"{step} {code}")
    if step in ("login", "sender"):
        log.critical("the mail server refuses our %s (%d): no mail goes out; look at channels.email", step, code)
        return SendResult(SendOutcome.PERMANENT, detail=f"{step} {code}", failure=Failure.ACCOUNT)
    return SendResult(SendOutcome.PERMANENT, detail=f"{step} {code}")
