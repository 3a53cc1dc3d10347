"""Writes messages to a text stream: to see at a terminal what would be sent."""

from typing import TextIO

from alerts.ports import OutgoingMessage, SendOutcome, SendResult


class ConsoleChannel:
    """One line or two a message.

    Args:
        stream: where to write, such as ``sys.stdout``.
    """

    name = "console"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, message: OutgoingMessage) -> SendResult:
        """Write it; a closed stream is permanent, a full disk may pass."""
        link = f"\n    {message.link}" if message.link else ""
        try:
            self._stream.write(f"[{message.purpose}] {message.address}: {message.subject}\n    {message.body}{link}\n")
            self._stream.flush()
        except ValueError:
            return SendResult(SendOutcome.PERMANENT, detail="the stream is closed")
        except OSError as error:
            return SendResult(SendOutcome.RETRY, detail=type(error).__name__)
        return SendResult(SendOutcome.OK)
