"""What a call says and what a reply is answered with, as TwiML."""

from typing import Final

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Gather, VoiceResponse

from alerts.channels.twilio import texts as phone_texts
from alerts.channels.twilio.inbound import PhoneMessage, PhoneReply, PhoneReplyOutcome
from alerts.decisions.model import Purpose

WAIT_S: Final = 8
"""How long a key is waited for after the words."""
_LANGUAGES: Final = {"ja": "ja-JP", "en": "en-US"}


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
    response, language = VoiceResponse(), message.language
    keys = phone_texts.keys_text(message.purpose, message.about, language)
    if message.ended and message.purpose is not Purpose.NEWS:
        _say(response, phone_texts.said(phone_texts.OVER, language), language)
    elif keys is None:
        _say(response, message.body, language)
    else:
        words = phone_texts.spoken_text(message.purpose, message.about, language, message.body)
        for _ in range(2):
            gather = Gather(num_digits=1, action=key_path, method="POST", timeout=WAIT_S, action_on_empty_result=False)
            _say(gather, f"{words} {keys}", language)
            response.append(gather)
        _say(response, phone_texts.said(phone_texts.NO_ANSWER, language), language)
    response.hangup()
    return str(response)


def pressed(back: PhoneReply, again_path: str) -> str:
    """What whoever pressed a key hears; a key without a meaning leads to the words once more."""
    response = VoiceResponse()
    if back.answer is None:
        _say(response, phone_texts.said(phone_texts.ONCE_MORE, back.language), back.language)
        response.redirect(again_path, method="POST")
        return str(response)
    revoked = back.outcome is PhoneReplyOutcome.REVOKED
    thanks = phone_texts.thanks(back.purpose, back.answer, back.language)
    _say(response, phone_texts.said(phone_texts.REVOKED, back.language) if revoked else thanks, back.language)
    response.hangup()
    return str(response)


def replied(back: PhoneReply) -> str:
    """What whoever replied reads; nothing for a number that nobody asked, and nothing twice."""
    response, language = MessagingResponse(), back.language
    if back.outcome is PhoneReplyOutcome.ANSWERED and back.answer is not None:
        response.message(phone_texts.thanks(back.purpose, back.answer, language))
    elif back.outcome is PhoneReplyOutcome.REVOKED:
        response.message(phone_texts.said(phone_texts.REVOKED, language))
    elif back.outcome is PhoneReplyOutcome.SEVERAL:
        response.message(phone_texts.said(phone_texts.SEVERAL, language))
    elif back.outcome is PhoneReplyOutcome.UNCLEAR:
        digits = "1 2" if back.purpose is Purpose.ASK else "1 2 3"
        response.message(phone_texts.said(phone_texts.NOT_UNDERSTOOD, language).format(keys=digits))
    return str(response)


def _say(verb: VoiceResponse | Gather, words: str, language: str) -> None:
    verb.say(words, language=_LANGUAGES.get(language, _LANGUAGES["ja"]))
