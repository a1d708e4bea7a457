"""What Jetstream's messages say, in either of its two wires. Pure.

The first wire (`/subscribe`) names a position by a time in microseconds, the second one
(`/xrpc/network.bsky.jetstream.subscribeEvents`) by a number of the host's own, with the time beside it
(Jetstream, docs/README.md sections 5.1 and 5.2, and the lexicon network.bsky.jetstream.subscribeEvents).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from listener.platforms.bluesky.ids import POSTS, is_cid, is_did, is_record_key, post_uri
from listener.text import moment_of

_LEXICON = "network.bsky.jetstream.subscribeEvents#"
_LEAST_US, _MOST_US = 946_684_800_000_000, 4_102_444_800_000_000
"""The years 2000 and 2100."""


class EventError(ValueError):
    """The message cannot be read; the text says why."""


class Wire(StrEnum):
    V1 = "v1"
    V2 = "v2"


class Kind(StrEnum):
    POST = "post"
    """Written or changed."""
    DELETE = "delete"
    ACCOUNT = "account"
    """An account was deleted, suspended or deactivated, or is back."""
    IDENTITY = "identity"
    """An account may have another handle now."""
    OTHER = "other"
    """Nothing to tell, but a sign of life at its position."""
    OUTDATED = "outdated"
    """A notice that the position asked for is no longer kept: the stream begins later."""
    AHEAD = "ahead"
    """A notice that the position asked for is not reached yet: the stream begins now."""
    END = "end"
    """A notice that the server closes the connection."""


@dataclass(frozen=True, slots=True)
class Event:
    kind: Kind
    time_us: int
    """When this host saw it, in microseconds since 1970; 0 for notices."""
    seq: int | None = None
    """The host's own number, on the second wire."""
    did: str = ""
    key: str = ""
    cid: str = ""
    record: Any = None
    is_active: bool = True

    @property
    def uri(self) -> str:
        return post_uri(self.did, self.key)


def read_event(wire: Wire, message: str | bytes) -> Event:
    """Raises EventError."""
    try:
        data = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise EventError("not JSON, or cut off") from error
    if not isinstance(data, dict):
        raise EventError("not a JSON object")
    return _first_wire(data) if wire is Wire.V1 else _second_wire(data)


def _first_wire(data: dict[str, Any]) -> Event:
    kind = data.get("kind")
    inner = data.get(kind) if isinstance(kind, str) else None
    return _event(kind, data, inner, _time(data.get("time_us")), None)


def _second_wire(data: dict[str, Any]) -> Event:
    if data.get("$type") == "error":
        return Event(Kind.END, 0)
    payload = data.get("payload")
    name = payload.get("$type") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(name, str):
        raise EventError('"payload" is missing')
    kind = name.removeprefix(_LEXICON)
    if kind == "info":
        notices = {"OutdatedCursor": Kind.OUTDATED, "FutureCursor": Kind.AHEAD}
        return Event(notices.get(str(payload.get("name")), Kind.OTHER), 0)
    seq = payload.get("seq")
    if type(seq) is not int or seq < 0:
        raise EventError('"seq" is missing or no number')
    said = payload.get("witnessedAt", payload.get("time"))
    try:
        time_us = _time(round(moment_of(str(said)).timestamp() * 1_000_000))
    except ValueError as error:
        raise EventError(f'"time" {error}') from error
    inner = payload if kind == "commit" else payload.get(kind)
    return _event(kind, payload, inner, time_us, seq)


def _event(kind: object, outer: dict[str, Any], inner: Any, time_us: int, seq: int | None) -> Event:
    did = outer.get("did")
    if not is_did(did):
        raise EventError('"did" is missing or none')
    fields = inner if isinstance(inner, dict) else {}
    match kind:
        case "commit":
            return _commit(str(did), fields, time_us, seq)
        case "account":
            return Event(Kind.ACCOUNT, time_us, seq, str(did), is_active=fields.get("active") is not False)
        case "identity":
            return Event(Kind.IDENTITY, time_us, seq, str(did))
    return Event(Kind.OTHER, time_us, seq, str(did))


def _commit(did: str, commit: dict[str, Any], time_us: int, seq: int | None) -> Event:
    operation, key, cid = commit.get("operation"), commit.get("rkey"), commit.get("cid")
    if commit.get("collection") != POSTS:
        return Event(Kind.OTHER, time_us, seq, did)
    if not is_record_key(key):
        raise EventError('"rkey" is missing or none')
    if operation == "delete":
        return Event(Kind.DELETE, time_us, seq, did, str(key))
    if operation not in {"create", "update"}:
        raise EventError(f'"operation" is unknown: {str(operation)[:40]!r}')
    if not is_cid(cid) or not isinstance(commit.get("record"), dict):
        raise EventError('"record" or "cid" is missing')
    return Event(Kind.POST, time_us, seq, did, str(key), str(cid), commit["record"])


def _time(value: object) -> int:
    if type(value) is not int or not _LEAST_US <= value <= _MOST_US:
        raise EventError('"time_us" is missing or no time')
    return value
