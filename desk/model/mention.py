"""A mention: one post or message that concerns a brand, written by a customer or by the brand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

MentionId = NewType("MentionId", str)
"""`{source}:{external_id}`, unique over all platforms."""
ConversationId = NewType("ConversationId", str)
"""`{source}:{platform's conversation id}`."""


def mention_id(source: str, external_id: str) -> MentionId:
    return MentionId(f"{source}:{external_id}")


@dataclass(frozen=True, slots=True)
class Replyable:
    """Whether the platform's terms let us answer here, and if not, why not (shown before anybody types)."""

    allowed: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    external_id: str
    """The platform's stable id; a handle may change."""
    handle: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    source: str
    """Key of the platform, see `desk.model.platform`."""
    external_id: str
    conversation_id: str
    """The platform's own id of the thread, usually its first post's id."""
    in_reply_to: str | None
    """External id of the post that this one answers."""
    brand: str
    author: Author
    from_brand: bool
    """Written by one of the brand's own accounts: a reply made natively, it stops clocks."""
    created_at: datetime
    """The platform's time of the post, aware UTC: all clocks run on it."""
    received_at: datetime
    """When we first saw it, aware UTC."""
    text: str
    language: str | None = None
    """ISO 639-1 as the platform says it, or None."""
    url: str | None = None
    replyable: Replyable = Replyable()
    automatic: bool = False
    """Posted by a bot: shown, but it stops no clock."""
    private: bool = False
    """Written for few eyes (a direct message, a letter): its words leave the desk in no alert."""

    @property
    def id(self) -> MentionId:
        return mention_id(self.source, self.external_id)

    @property
    def conversation(self) -> ConversationId:
        return ConversationId(f"{self.source}:{self.conversation_id}")
