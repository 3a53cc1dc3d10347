"""What a call says and what a reply is answered with, as TwiML."""

from typing import Final

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from alerts.channels.twilio.inbound import PhoneMessage, PhoneReply, PhoneReplyOutcome
from alerts.channels.twilio.texts import keys_text, spoken_text, thanks, words_of
from alerts.decisions.model import Purpose

WAIT_S: Final = 8
"""How long a key is waited for after the words."""


def hang_up() -> str:
    """A call that says nothing: to a machine, or about a message that is not known."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def spoken(message: PhoneMessage, key_path: str) -> str:
    """What a call says: the message and the keys, both once more if no key is pressed.

    Args:
        message: what to say.
        key_path: where the key goes.
    """
    response, words = VoiceResponse(), words_of(message.language)
    voice, keys = words("speech.language"), keys_text(message.purpose, message.about, message.language)
    if message.ended and message.purpose is not Purpose.NEWS:
        response.say(words("said.over"), language=voice)
    elif keys is None:
        response.say(message.body, language=voice)
    else:
        text = spoken_text(message.purpose, message.about, message.language, message.body)
        for _ in range(2):
            key = response.gather(
                num_digits=1, action=key_path, method="POST", timeout=WAIT_S, action_on_empty_result=False
            )
            key.say(f"{text} {keys}", language=voice)
        response.say(words("said.no_answer"), language=voice)
    response.hangup()
    return str(response)


def pressed(back: PhoneReply, again_path: str) -> str:
    """What whoever pressed a key hears; a key without a meaning leads to the words once more."""
    response, words = VoiceResponse(), words_of(back.language)
    if back.answer is None:
        response.say(words("said.once_more"), language=words("speech.language"))
        response.redirect(again_path, method="POST")
    else:
        response.say(_reply_words(back), language=words("speech.language"))
        response.hangup()
    return str(response)


def replied(back: PhoneReply) -> str:
    """What whoever replied reads; nothing for a number that nobody asked, and nothing twice."""
    response = MessagingResponse()
    if back.outcome not in (PhoneReplyOutcome.UNKNOWN, PhoneReplyOutcome.REPEATED):
        response.message(_reply_words(back))
    return str(response)


def _reply_words(back: PhoneReply) -> str:
    words = words_of(back.language)
    if back.outcome is PhoneReplyOutcome.REVOKED:
        return words("said.revoked")
    if back.outcome is PhoneReplyOutcome.SEVERAL:
        return words("said.several")
    if back.answer is None:
        return words("said.not_understood", keys="1 2" if back.purpose is Purpose.ASK else "1 2 3")
    return thanks(back.purpose, back.answer, back.language)
