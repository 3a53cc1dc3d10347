"""The LINE that the double plays: friends and their chats, keys, quota, faults. One lock; time is handed in."""

import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

TOKEN: Final = "token-of-the-line-double"  # noqa: S105 - of a simulated vendor
SECRET: Final = "secret-of-the-line-double"  # noqa: S105
KEY_VALID_MS: Final = 24 * 3_600_000
REPLY_VALID_MS: Final = 60_000
LINK_VALID_MS: Final = 10 * 60_000
FAULTS: Final = (
    "error_before_accept",
    "error_after_accept",
    "timeout_before_accept",
    "timeout_after_accept",
    "drip_after_accept",
    "rate",
)


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
    message_ids: tuple[str, ...]
    messages: Sequence[Json]


@dataclass(slots=True)
class _Fault:
    kind: str
    left: int
    to: str | None
    hold_s: float


class LineWorld:
    """What the vendor remembers.

    Args:
        clock: tells the present time, ms UTC; `advance` adds to it.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._ahead_ms = 0
            self.friends: dict[str, Friend] = {}
            self.acceptances: list[Acceptance] = []
            self.statuses: Counter[str] = Counter()  # "push 200" …
            self.violations: list[str] = []
            self.quota_limit: int | None = None
            self.used = 0
            self._faults: list[_Fault] = []
            self._reply_tokens: dict[str, tuple[str, int]] = {}
            self._link_tokens: dict[str, tuple[str, int]] = {}
            self.replies: list[Json] = []

    def now_ms(self) -> int:
        """The time of this world, ms UTC."""
        return self._clock() + self._ahead_ms

    def advance(self, by_ms: int) -> None:
        """Let time pass."""
        with self._lock:
            self._ahead_ms += by_ms

    # ---- friends ----

    def add_friend(self, name: str, user_id: str | None = None, *, follows: bool = True) -> Friend:
        """A user, by a random id unless given; the one there is if the id is known."""
        with self._lock:
            key = user_id or "U" + secrets.token_hex(16)
            return self.friends.setdefault(key, Friend(key, name, follows))

    def says(self, user_id: str, message: Json) -> Bubble:
        """A bubble of the user's own."""
        with self._lock:
            bubble = Bubble(_message_id(), self.now_ms(), "user", message)
            self.friends[user_id].chat.append(bubble)
            return bubble

    def action(self, user_id: str, bubble_id: str, label: str) -> Json:
        """The action of a button, which is now tapped. Raises KeyError: no such button."""
        with self._lock:
            bubble = next((item for item in self.friends[user_id].chat if item.id == bubble_id), None)
            if bubble is None:
                raise KeyError(bubble_id)
            for action in actions_of(bubble.message):
                if action.get("label") == label:
                    bubble.tapped.append(label)
                    return dict(action)
            raise KeyError(label)

    # ---- push and reply ----

    def fault_for(self, to: str) -> tuple[str, float] | None:
        """The next fault that a push to this user meets, used up by it; kind and how long to hold it, seconds."""
        with self._lock:
            for fault in self._faults:
                if fault.left > 0 and fault.to in (None, to):
                    fault.left -= 1
                    return fault.kind, fault.hold_s
            return None

    def add_fault(self, kind: str, times: int = 1, to: str | None = None, hold_s: float = 30.0) -> None:
        """The next ``times`` pushes (to ``to``, or to anybody) fail in this way. Raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"no such fault: {kind[:40]}; known: {', '.join(FAULTS)}")
        with self._lock:
            self._faults.append(_Fault(kind, times, to, hold_s))

    def known_key(self, key: str | None) -> Acceptance | None:
        """The push that was accepted under this key in the last 24 hours."""
        with self._lock:
            since_ms = self.now_ms() - KEY_VALID_MS
            same = (item for item in self.acceptances if key is not None and item.key == key)
            return next((item for item in same if item.at_ms > since_ms), None)

    def none_left(self) -> bool:
        """Whether this month's messages are used up."""
        with self._lock:
            return self.quota_limit is not None and self.used >= self.quota_limit

    def accept(self, key: str | None, to: str, messages: Sequence[Json]) -> Acceptance:
        """Take a push: it counts, and is shown unless the user blocked the account."""
        with self._lock:
            if key is None:
                self.violations.append("push without a retry key")
            if any(item.key == key for item in self.acceptances if key is not None):
                self.violations.append("a key was used again after it had expired")
            ids = tuple(_message_id() for _ in messages)
            accepted = Acceptance(key, self.now_ms(), to, str(uuid.uuid4()), ids, messages)
            self.acceptances.append(accepted)
            self.used += 1
            self._show(self.friends[to], ids, messages)
            return accepted

    def reply_token(self, user_id: str) -> str:
        """A token for one reply, within a minute."""
        with self._lock:
            token = uuid.uuid4().hex
            self._reply_tokens[token] = (user_id, self.now_ms() + REPLY_VALID_MS)
            return token

    def can_reply(self, token: str) -> bool:
        """Whether a reply token was not used yet."""
        with self._lock:
            return token in self._reply_tokens

    def reply(self, token: str, messages: Sequence[Json]) -> tuple[str, ...] | None:
        """Show a reply; None: the token is not one, was used, or is too old."""
        with self._lock:
            user_id, until_ms = self._reply_tokens.pop(token, ("", 0))
            if self.now_ms() >= until_ms:
                return None
            ids = tuple(_message_id() for _ in messages)
            self._show(self.friends[user_id], ids, messages)
            self.replies.append({"to": user_id, "messages": list(messages)})
            return ids

    def link_token(self, user_id: str) -> str:
        """A token by which the user's account is linked, for ten minutes."""
        with self._lock:
            token = secrets.token_urlsafe(16)
            self._link_tokens[token] = (user_id, self.now_ms() + LINK_VALID_MS)
            return token

    def use_link_token(self, token: str) -> str | None:
        """Whose it is; None: not a token, used, or too old."""
        with self._lock:
            user_id, until_ms = self._link_tokens.pop(token, ("", 0))
            return user_id if self.now_ms() < until_ms else None

    def _show(self, friend: Friend, ids: Sequence[str], messages: Sequence[Json]) -> None:
        if not friend.follows:
            friend.unseen += len(messages)
            return
        for message_id, message in zip(ids, messages, strict=True):
            friend.chat.append(Bubble(message_id, self.now_ms(), "account", dict(message)))

    # ---- what a test looks at ----

    def count(self, what: str) -> None:
        """One more request that ended so."""
        with self._lock:
            self.statuses[what] += 1

    def state(self) -> Json:
        """Everything that a test or a demonstration asks for."""
        with self._lock:
            friends = [
                {
                    "id": friend.id,
                    "name": friend.name,
                    "follows": friend.follows,
                    "unseen": friend.unseen,
                    "chat": [
                        {"id": item.id, "by": item.by, "at_ms": item.at_ms, "message": item.message}
                        for item in friend.chat
                    ],
                }
                for friend in self.friends.values()
            ]
            return {
                "friends": friends,
                "acceptances": [
                    {"key": item.key, "to": item.to, "at_ms": item.at_ms, "messages": list(item.messages)}
                    for item in self.acceptances
                ],
                "statuses": dict(self.statuses),
                "violations": list(self.violations),
                "replies": list(self.replies),
                "used": self.used,
            }


def actions_of(message: Mapping[str, Any]) -> list[Json]:
    """The actions of a message in the order in which they are shown: its buttons, then its quick replies."""
    found: list[Json] = []

    def look(item: object) -> None:
        if isinstance(item, Mapping):
            action = item.get("action")
            if isinstance(action, Mapping):
                found.append(dict(action))
            found.extend(dict(action) for action in item.get("actions", []) if isinstance(action, Mapping))
            for key in ("contents", "template", "header", "hero", "body", "footer", "items", "quickReply"):
                look(item.get(key))
        elif isinstance(item, list):
            for part in item:
                look(part)

    look(message)
    return found


def _message_id() -> str:
    return str(secrets.randbelow(9 * 10**17) + 10**17)
