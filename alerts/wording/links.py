"""Signed links: a message's page, for whoever holds the message. They contain the delivery's id and an end, no more."""

from itsdangerous import BadSignature, URLSafeSerializer

from alerts.errors import ExpiredLink, InvalidLink
from alerts.settings import LINK_VALID_S

MAX_TOKEN = 512  # a token of ours has about 100 characters
_SALT = "mimamori.alerts.link.1"


class Links:
    """Makes and reads the tokens of links.

    The same message gets the same token at every try, so a resend is the same message.

    Args:
        secret: key of the signature, at least 16 characters.
        base_url: where the pages are, as a phone reaches them; ``{base_url}/r/{token}`` is a link.
        valid_s: how long a link answers.
    """

    def __init__(self, secret: str, base_url: str = "", valid_s: int = LINK_VALID_S) -> None:
        if len(secret) < 16:
            raise ValueError("the secret of the links must have at least 16 characters; make one: openssl rand -hex 32")
        self._serializer = URLSafeSerializer(secret, salt=_SALT)
        self._base_url = base_url.rstrip("/")
        self._valid_ms = 1000 * valid_s

    def sign(self, delivery_id: str, created_ms: int) -> str:
        """The token of a message that was decided on at ``created_ms`` (ms UTC)."""
        return str(self._serializer.dumps([delivery_id, created_ms + self._valid_ms]))

    def url(self, delivery_id: str, created_ms: int) -> str:
        """The link of a message."""
        return f"{self._base_url}/r/{self.sign(delivery_id, created_ms)}"

    def read(self, token: str, now_ms: int) -> str:
        """The delivery id in a token.

        Raises:
            InvalidLink: altered, or signed with another secret.
            ExpiredLink: too old.
        """
        if len(token) > MAX_TOKEN:
            raise InvalidLink("the link is not one of ours; open the newest message")
        try:
            delivery_id, expires_ms = self._serializer.loads(token)
        except (BadSignature, ValueError, TypeError):
            raise InvalidLink("the link is not one of ours; open the newest message") from None
        if now_ms >= expires_ms:
            raise ExpiredLink("the link is too old; open the newest message")
        return str(delivery_id)
