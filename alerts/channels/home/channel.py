"""The home itself: the agent there sounds the chime and puts the light on, and its button answers.

The address is the gateway's id. Whether anything sounded is known from the home's own result alone: that the broker
took the command says nothing. The delivery's id is the command's, and an agent carries out an id once, so a repetition
after a lost result is harmless. The answer comes by another way: the press goes up as an event, a word of the person.
"""

import logging
import time
from typing import Final

from alerts.channels.home.mqtt import HomeUnreachable, MqttHomeCommands, NoResult
from alerts.decisions.model import Purpose
from alerts.ports import OutgoingMessage, SendOutcome, SendResult
from contracts.commands import MAX_LINES, Command, CommandOutcome, CommandResult, Verb

log = logging.getLogger(__name__)

SHORTEST_VALIDITY_S: Final = 60
"""A question that is late is still one, as long as its incident is open: then this holds from the try on."""
_ENDED: Final = (CommandOutcome.DONE, CommandOutcome.UNSUPPORTED)
"""Of a home without devices nothing rings."""
_VERBS: Final = {Purpose.ASK: Verb.ASK, Purpose.NEWS: Verb.TELL, Purpose.TEST: Verb.TELL}


class HomeChannel:
    """Asks the person of a home, and tells them news. It is no way of calling anybody else: a button cannot answer.

    Args:
        line: the way to the homes.
        timeout_s: how long `send` may take, less than half of the sender's lease.
    """

    name = "home"

    def __init__(self, line: MqttHomeCommands, timeout_s: float) -> None:
        self._line = line
        self._timeout_s = timeout_s

    def send(self, message: OutgoingMessage) -> SendResult:
        """Have it asked or told."""
        verb = _VERBS.get(Purpose(message.purpose))
        if verb is None:
            return SendResult(SendOutcome.PERMANENT, detail="a home asks its own person alone")
        expires_ms = max(message.expires_ms, message.at_ms + 1000 * SHORTEST_VALIDITY_S)
        command = Command(message.delivery_id, verb, expires_ms, message.body[:MAX_LINES])
        until_s = time.monotonic() + self._timeout_s
        try:
            told = self._line.command(message.address, command, (expires_ms - message.at_ms) // 1000, until_s)
        except HomeUnreachable as error:
            return SendResult(SendOutcome.RETRY, detail=str(error))
        except NoResult as error:
            return SendResult(SendOutcome.AMBIGUOUS, detail=str(error))
        return send_result_of(told)

    def stop_asking(self, gateway: str, delivery_id: str, now_ms: int) -> bool:
        """End the question of a delivery in the home, if it is still open there; whether the home said that it is."""
        expires_ms = now_ms + 1000 * SHORTEST_VALIDITY_S
        command = Command(f"{delivery_id}-stop", Verb.STOP_ASKING, expires_ms, delivery_id)
        try:
            told = self._line.command(gateway, command, SHORTEST_VALIDITY_S, time.monotonic() + self._timeout_s)
        except (HomeUnreachable, NoResult) as error:
            log.info("the question of delivery %s could not be ended in the home: %s", delivery_id, error)
            return False
        return told.outcome in _ENDED


def send_result_of(result: CommandResult) -> SendResult:
    """What the result of a home means for the message. Pure.

    A home that cannot chime is left at once for another way of reaching its person; one whose clock is not set yet may
    soon be able to.
    """
    detail = f"{result.outcome} {result.detail}".strip()
    match result.outcome:
        case CommandOutcome.DONE:
            return SendResult(SendOutcome.OK, result.id, detail)
        case CommandOutcome.UNSYNCED:
            return SendResult(SendOutcome.RETRY, detail=detail)
        case _:
            return SendResult(SendOutcome.PERMANENT, detail=detail)
