"""One conversation in the order in which it happened: posts, replies on their way, notes and acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from desk.model.correction import Label
from desk.model.event import SYSTEM, Event, EventKind
from desk.model.reply import Reply, ReplyState
from desk.store.case_view import CaseView, Copies, Post
from tui import text
from tui.times import clock

LATEST = 60
"""Entries shown at first; the earlier ones are one key away."""


@dataclass(frozen=True, slots=True)
class PostEntry:
    key: str
    at: datetime
    post: Post
    agent: str | None
    """Who of this desk wrote it, for the brand's posts."""


@dataclass(frozen=True, slots=True)
class ReplyEntry:
    """A reply of this desk that is not, or not yet, a post of the conversation."""

    key: str
    at: datetime
    reply: Reply


@dataclass(frozen=True, slots=True)
class EventEntry:
    key: str
    at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class EarlierEntry:
    """Stands for what is folded away."""

    key: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class CopiesEntry:
    """Stands for the posts elsewhere that only repeat the first one's words."""

    key: str
    at: datetime
    copies: Copies


@dataclass(frozen=True, slots=True)
class LeftOutEntry:
    """Stands for what others said in the conversation, long before or after."""

    key: str
    at: datetime
    count: int


Entry = PostEntry | ReplyEntry | EventEntry | EarlierEntry | CopiesEntry | LeftOutEntry

# Their posts and replies stand in the timeline themselves.
_UNSAID = frozenset(
    {
        EventKind.POLICY_CHOSEN,
        EventKind.CUSTOMER_WROTE,
        EventKind.BRAND_REPLIED,
        EventKind.REPLY_APPROVED,
        EventKind.REPLY_FAILED,
        EventKind.UNDONE,
        EventKind.OPENED,
    }
)


def entries(view: CaseView, *, unfolded: bool = False) -> list[Entry]:
    """Everything to show of a case, oldest first."""
    posted = {reply.external_id: reply for reply in view.replies if reply.external_id}
    known = {post.mention.external_id for post in view.posts if post.mention.from_brand}
    found: list[Entry] = []
    for post in view.posts:
        own = posted.get(post.mention.external_id)
        found.append(
            PostEntry(f"post-{post.mention.id}", post.mention.created_at, post, own.agent if own else None)
        )
    for reply in view.replies:
        if reply.state is not ReplyState.CANCELLED and reply.external_id not in known:
            found.append(ReplyEntry(f"reply-{reply.id}", reply.sent_at or reply.approved_at, reply))
    for event in view.events:
        if event.kind not in _UNSAID:
            found.append(EventEntry(f"event-{event.seq}", event.at, event))
    if view.copies.count:
        found.append(CopiesEntry("copies", view.copies.latest[0].created_at, view.copies))
    found.sort(key=lambda entry: entry.at)
    if view.left_out:
        found.insert(0, LeftOutEntry("left-out", found[0].at, view.left_out))
    if unfolded or len(found) <= LATEST:
        return found
    hidden = len(found) - LATEST
    return [EarlierEntry("earlier", found[hidden].at, hidden), *found[hidden:]]


def same_words(count: int) -> str:
    return "1 other wrote the same" if count == 1 else f"{count:,} others wrote the same"


def sentence(event: Event, agent: str, now: datetime, zone: tzinfo | None) -> str:
    """An event in words, beginning with who did it."""
    who = actor(event.actor, agent)
    match event.kind:
        case EventKind.CLAIMED:
            return f"{who} claimed the case"
        case EventKind.RELEASED:
            return f"{who} gave the case back"
        case EventKind.SNOOZED:
            until = datetime.fromisoformat(event.data["until"])
            return f"{who} snoozed it until {clock(until, now, zone)}"
        case EventKind.WOKEN:
            return "Back in the queue" if event.actor == SYSTEM else f"{who} brought it back"
        case EventKind.RESOLVED:
            return f"{who} resolved it"
        case EventKind.REOPENED:
            return "Opened again: the customer wrote" if event.actor == SYSTEM else f"{who} opened it again"
        case EventKind.DISMISSED:
            reason = text.line(str(event.data.get("reason", "")), limit=300)
            return f"{who} dismissed it: {reason}" if reason else f"{who} dismissed it"
        case EventKind.SEVERITY_CHANGED:
            return f"{who} made it {event.data['severity']}"
        case EventKind.CORRECTED:
            return f"{who} said what the post is: {text.line(Label.from_data(event.data).words, limit=200)}"
        case EventKind.REPLY_SETTLED:
            return f"{who} looked: the reply is {'out' if event.data['out'] else 'not out'}"
        case EventKind.NOTED:
            return f"{who} noted"
    return f"{who}: {event.kind.replace('_', ' ')}"


def actor(name: str, agent: str) -> str:
    """A colleague's name, "You", or the program's own."""
    if name == agent:
        return "You"
    return "Answerback" if name == SYSTEM else text.line(name, limit=60)
