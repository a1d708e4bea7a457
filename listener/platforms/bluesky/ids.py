"""What the protocol's ids look like, and the key that makes a repeated reply the same post. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from desk.model.reply import Outgoing

POSTS = "app.bsky.feed.post"
"""The collection in which posts are kept."""
_DID = re.compile(r"did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,250}")
_RECORD_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_CID = re.compile(r"[A-Za-z0-9]{8,200}")
_TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_did(value: object) -> bool:
    return isinstance(value, str) and _DID.fullmatch(value) is not None


def is_cid(value: object) -> bool:
    return isinstance(value, str) and _CID.fullmatch(value) is not None


def is_record_key(value: object) -> bool:
    return isinstance(value, str) and _RECORD_KEY.fullmatch(value) is not None and value not in {".", ".."}


def post_uri(did: str, key: str) -> str:
    return f"at://{did}/{POSTS}/{key}"


def parts_of(uri: object) -> tuple[str, str] | None:
    """The author's DID and the record key of a post's address; None for anything else."""
    if not isinstance(uri, str) or not uri.startswith("at://"):
        return None
    did, _, rest = uri.removeprefix("at://").partition("/")
    collection, _, key = rest.partition("/")
    if collection != POSTS or not is_did(did) or not is_record_key(key):
        return None
    return did, key


def digest(text: str) -> str:
    """Ten characters that change with the text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:10]


def reply_key(outgoing: Outgoing) -> str:
    """The record key of a reply: the same for every attempt, another one for any other reply.

    A TID (atproto's "Record Key"): 53 bits of microseconds and 10 bits for whoever makes it, as 13 letters
    that sort by age. The second is that of the approval; all below it is a digest of the reply, because the
    approval alone would not tell two replies of one moment apart.
    """
    facts = (
        outgoing.reply_id,
        outgoing.brand,
        outgoing.in_reply_to,
        outgoing.approved_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        outgoing.text,
    )
    chance = int.from_bytes(hashlib.sha256(repr(facts).encode("utf-8", "replace")).digest()[:8])
    seconds = int((outgoing.approved_at - _EPOCH).total_seconds())
    number = ((seconds * 1_000_000 + chance % 1_000_000) << 10) | (chance >> 20) & 0x3FF
    return "".join(_TID_LETTERS[(number >> shift) & 31] for shift in range(60, -1, -5))
