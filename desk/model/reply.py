"""A reply on its way out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

import regex

from desk.model.case import CaseId
from desk.model.mention import MentionId

ReplyId = NewType("ReplyId", int)


class ReplyState(StrEnum):
    APPROVED = "approved"
    SENDING = "sending"
    """One sender has claimed it."""
    SENT = "sent"
    UNCONFIRMED = "unconfirmed"
    """The platform's answer was lost: read back before anything else."""
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = frozenset({ReplyState.APPROVED, ReplyState.SENDING, ReplyState.UNCONFIRMED})
"""States in which a case may have no second reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    id: ReplyId
    case_id: CaseId
    mention_id: MentionId
    """The post that it answers."""
    source: str
    brand: str
    text: str
    agent: str
    state: ReplyState
    approved_at: datetime
    send_after: datetime
    """Until then the agent can take it back."""
    attempts: int = 0
    attempted_at: datetime | None = None
    """When a sender claimed it last: where nobody knows better, it is out since then."""
    external_id: str | None = None
    """None also for a reply that is sent, where only a person has said so."""
    sent_at: datetime | None = None
    error: str = ""

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a platform is given to publish."""

    reply_id: ReplyId
    """Stable over every attempt: the seed of an idempotency key where the platform has them."""
    brand: str
    in_reply_to: str
    """External id of the post to answer."""
    conversation_id: str
    handle: str
    """Handle of the person answered, without the @."""
    text: str
    approved_at: datetime
    """Not published earlier: bounds the read-back."""


@dataclass(frozen=True, slots=True)
class SentPost:
    """What the platform says it published."""

    external_id: str
    created_at: datetime
    author_id: str
    author_handle: str
    url: str | None = None


_LINK = regex.compile(r"https?://\S+|\b(?:[\w-]+\.)+[a-z]{2,}(?:/\S*)?", regex.IGNORECASE)
_HANDLES = regex.compile(r"\A(?:@[\w.@-]+\s+)+")


def same_words(ours: str, theirs: str) -> bool:
    """Whether two texts are one post: platforms put handles in front, and rewrite links and accents."""
    return _plain(ours) == _plain(theirs)


def _plain(text: str) -> str:
    words = " ".join(unicodedata.normalize("NFC", text).split())
    return str(_LINK.sub("<link>", _HANDLES.sub("", words + " "))).strip()
