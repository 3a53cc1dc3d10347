"""The LINE that the double plays: friends and their chats, keys, quota, faults. One lock; time is handed in."""

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field

from simulators.vendors.base.control import Body, one_of
from simulators.vendors.base.world import Json, World, part

TOKEN: Final = "token-of-the-line-double"  # noqa: S105 - of a simulated vendor
SECRET: Final = "secret-of-the-line-double"  # noqa: S105
KEY_VALID_MS: Final = 24 * 3_600_000
_TOKEN_VALID_MS: Final = 60_000
PUSH_FAULTS: Final = (
    "error_before_accept",
    "error_after_accept",
    "timeout_before_accept",
    "timeout_after_accept",
    "drip_after_accept",
    "rate",
)
_PARTS: Final = ("contents", "template", "header", "hero", "body", "footer", "items", "quickReply")
"""Properties of a message that hold buttons, in the order in which they are shown."""
WEBHOOK_FAULTS: Final = ("duplicate", "late", "reorder")


class Fault(Body):
    """What the next ``times`` pushes (to ``to``) or events meet. ``hold_s``: of a push; ``delay_s``: of an event."""

    kind: Annotated[str, one_of((*PUSH_FAULTS, *WEBHOOK_FAULTS))]
    times: int = Field(default=1, ge=1)
    to: str | None = None
    hold_s: float = Field(default=30.0, ge=0, le=120)
    delay_s: float = Field(default=1.0, ge=0, le=120)


@dataclass(slots=True)
class Bubble:
    """One message in a chat. ``by``: ``account`` or ``user``; ``tapped``: labels that were pressed on it."""

    id: str
    at_ms: int
    by: str
    message: Json
    tapped: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Friend:
    """A user and the chat with the account. ``follows``: is a friend and has not blocked it."""

    id: str
    name: str
    follows: bool = True
    chat: list[Bubble] = field(default_factory=list)
    unseen: int = 0  # accepted while blocked: the sender is told 200, nobody sees it


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A push that was accepted."""

    key: str | None
    at_ms: int
    to: str
    request_id: str
    message_ids: Sequence[str]
    messages: Sequence[Json]


class LineWorld(World):
    """What LINE remembers."""

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            super().reset()
            self.friends: dict[str, Friend] = {}
            self.acceptances: list[Acceptance] = []
            self.replies: list[Json] = []
            self.events: list[Json] = []  # every event made, in order
            self.violations: list[str] = []
            self.quota_limit: int | None = None
            self.used = 0
            self.faults: list[Fault] = []
            self._tokens: dict[str, tuple[str, int]] = {}

    # ---- friends ----

    def add_friend(self, name: str, user_id: str | None = None, *, follows: bool = True) -> Friend:
        """A user, by a random id unless given; the one there is if the id is known."""
        with self.lock:
            key = user_id or "U" + secrets.token_hex(16)
            return self.friends.setdefault(key, Friend(key, name, follows))

    def says(self, user_id: str, words: str) -> Bubble:
        """A bubble of the user's own."""
        return self._add(self.friends[user_id], "user", {"type": "text", "text": words})

    def tap(self, user_id: str, wanted: Callable[[Bubble, Json], bool]) -> Json | None:
        """The newest action on a phone that is wanted, which is now tapped; None: there is no such button."""
        with self.lock:
            friend = self.friends.get(user_id)
            for bubble in reversed(friend.chat if friend else []):
                for action in actions_of(bubble.message):
                    if wanted(bubble, action):
                        bubble.tapped.append(action["label"])
                        return action
        return None

    # ---- push and reply ----

    def take_fault(self, kinds: Sequence[str], to: str | None = None) -> Fault | None:
        """The next fault of these kinds that something to this user meets, used up by it."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.kind in kinds and fault.to in (None, to):
                    fault.times -= 1
                    return fault
            return None

    def known_key(self, key: str | None) -> Acceptance | None:
        """The push that was accepted under this key in the last 24 hours."""
        with self.lock:
            since_ms = self.now_ms() - KEY_VALID_MS
            same = (item for item in self.acceptances if key is not None and item.key == key)
            return next((item for item in same if item.at_ms > since_ms), None)

    def accept(self, key: str | None, to: str, messages: Sequence[Json]) -> Acceptance:
        """Take a push: it counts, and is shown unless the user blocked the account."""
        with self.lock:
            if key is None:
                self.violations.append("push without a retry key")
            elif any(item.key == key for item in self.acceptances):
                self.violations.append("a key was used again after it had expired")
            ids = self._show(to, messages)
            accepted = Acceptance(key, self.now_ms(), to, str(uuid.uuid4()), ids, messages)
            self.acceptances.append(accepted)
            self.used += 1
            return accepted

    def reply(self, token: str, messages: Sequence[Json]) -> Sequence[str] | None:
        """Show a reply; None: the token is not one, was used, or is too old."""
        with self.lock:
            user_id, until_ms = self._tokens.pop(token, ("", 0))
            if self.now_ms() >= until_ms:
                return None
            self.replies.append({"to": user_id, "messages": list(messages)})
            return self._show(user_id, messages)

    def new_token(self, user_id: str) -> str:
        """A token for one reply, within a minute."""
        with self.lock:
            token = secrets.token_hex(16)
            self._tokens[token] = (user_id, self.now_ms() + _TOKEN_VALID_MS)
            return token

    def has_token(self, token: str) -> bool:
        """Whether a token was not used yet."""
        with self.lock:
            return token in self._tokens

    def _show(self, user_id: str, messages: Sequence[Json]) -> Sequence[str]:
        """Put messages of the account into a chat; their ids."""
        friend = self.friends[user_id]
        if friend.follows:
            return [self._add(friend, "account", dict(message)).id for message in messages]
        friend.unseen += len(messages)
        return [_message_id() for _ in messages]

    def _add(self, friend: Friend, by: str, message: Json) -> Bubble:
        with self.lock:
            friend.chat.append(Bubble(_message_id(), self.now_ms(), by, message))
            return friend.chat[-1]

    def state(self) -> Json:
        """Everything that a test or a story asks for."""
        return super().state() | {
            "friends": [asdict(friend) for friend in self.friends.values()],
            "acceptances": [asdict(item) for item in self.acceptances],
            "replies": list(self.replies),
            "events": list(self.events),
            "violations": list(self.violations),
            "used": self.used,
        }


WorldOf = Annotated[LineWorld, part("world")]


def actions_of(message: Json) -> list[Json]:
    """The actions of a message in the order in which they are shown: its buttons, then its quick replies."""
    return [button["action"] for button in buttons_of(message)]


def buttons_of(item: object) -> Iterator[Mapping[str, Any]]:
    """What carries an action in a message or a part of it, in the order in which it is shown."""
    if isinstance(item, Mapping):
        if "action" in item:
            yield item
        for action in item.get("actions", ()):  # of a template, which gives its buttons no look
            yield {"action": action, "style": "link"}
        for part_ in map(item.get, _PARTS):
            yield from buttons_of(part_)
    elif isinstance(item, list):
        for part_ in item:
            yield from buttons_of(part_)


def _message_id() -> str:
    return str(secrets.randbelow(9 * 10**17) + 10**17)
