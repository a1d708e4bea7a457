"""One entry of a conversation: a post, a reply on its way, a note, or a line of what happened."""

from __future__ import annotations

from datetime import datetime, tzinfo

from textual.content import Content
from textual.widgets import Static

from desk.model.event import EventKind
from desk.model.explanation import Explanation
from desk.model.platform import platform_of
from desk.model.reply import Reply, ReplyState
from desk.store.case_view import Copies, Post
from tui import text
from tui.thoughts import marked, moved, thought
from tui.timeline import (
    CopiesEntry,
    EarlierEntry,
    Entry,
    EventEntry,
    LeftOutEntry,
    PostEntry,
    ReplyEntry,
    actor,
    same_words,
    sentence,
)
from tui.times import ago, clock, span

_FOLD = 1_200
"""Characters of a post that are shown before it is unfolded."""
_NAMED = 5
"""Writers of copies that are named in the conversation."""
_QUIET = "$quiet"


class Block(Static):
    """Draws one entry; `tick` lets its relative time move on."""

    def __init__(
        self,
        entry: Entry,
        *,
        agent: str,
        now: datetime,
        zone: tzinfo | None,
        unfolded: bool = False,
        explained: bool = False,
    ) -> None:
        super().__init__(classes=_kind(entry))
        self.entry = entry
        self.agent = agent
        self.now = now
        self.zone = zone
        self.unfolded = unfolded
        self.explained = explained
        self._drawn = self._draw()
        self.update(self._drawn)

    def show(self, entry: Entry) -> None:
        """Take over a newer state of the same entry."""
        if entry != self.entry:
            self.entry = entry
            self.set_classes(_kind(entry))
            self.tick(self.now)

    def tick(self, now: datetime) -> None:
        self.now = now
        drawn = self._draw()
        if not drawn.is_same(self._drawn):
            self._drawn = drawn
            self.update(drawn)

    def _draw(self) -> Content:
        match self.entry:
            case PostEntry(post=post, agent=writer):
                return self._post(post, writer)
            case ReplyEntry(reply=reply):
                return self._reply(reply)
            case EventEntry():
                return self._event(self.entry)
            case CopiesEntry(copies=copies):
                return self._copies(copies)
            case EarlierEntry(count=count):
                return Content.styled(f"{count} earlier entries: x shows them", _QUIET)
            case LeftOutEntry(count=count):
                return Content.styled(f"{count:,} more posts by others: b opens the conversation", _QUIET)

    def _when(self, moment: datetime) -> str:
        return f"{clock(moment, self.now, self.zone)} · {ago(moment, self.now)}"

    def _post(self, post: Post, writer: str | None) -> Content:
        mention = post.mention
        who = text.line(mention.author.name, limit=30) or text.writer(mention)
        marks = [text.writer(mention)] if mention.author.name else []
        marks.append(self._when(mention.created_at))
        if writer:
            marks.append(f"by {actor(writer, self.agent).replace('You', 'you')}")
        if mention.automatic:
            marks.append("automatic")
        if mention.private:
            marks.append("private")
        if post.edited:
            marks.append("edited")
        if not (post.in_case or mention.from_brand):
            marks.append("took part")
        head = Content.assemble((who, "bold"), ("  " + " · ".join(marks), _QUIET))
        if post.deleted:
            return Content("\n").join([head, Content.styled("Deleted by its author.", f"italic {_QUIET}")])
        why = post.explanation if self.explained else None
        parts = [head, self._body(mention.text, why)]
        if said := thought(post):
            parts.append(Content.styled(said, _QUIET))
        if self.explained and (words := moved(post, self.now)):
            parts.append(words)
        return Content("\n").join(parts)

    def _body(self, words: str, why: Explanation | None = None) -> Content:
        if self.unfolded or len(words) <= _FOLD:
            return marked(words, why, None) if why else text.content(words)
        rest = f"\n{len(words) - _FOLD:,} more characters: x shows them"
        shown = marked(words, why, _FOLD) if why else text.content(words, limit=_FOLD)
        return Content.assemble(shown, (rest, _QUIET))

    def _reply(self, reply: Reply) -> Content:
        who = actor(reply.agent, self.agent)
        head = Content.assemble((who, "bold"), (f"  reply · {self._when(reply.approved_at)}", _QUIET))
        words, style = _fate(reply, mine=reply.agent == self.agent, now=self.now)
        return Content("\n").join([head, self._body(reply.text), Content.styled(words, style)])

    def _copies(self, copies: Copies) -> Content:
        names = [text.writer(each) for each in copies.latest[:_NAMED]]
        more = copies.count - len(names)
        who = ", ".join(text.line(name, limit=40) for name in names) + (f" and {more:,} more" if more else "")
        said = f"{same_words(copies.count)}, the last {ago(copies.latest[0].created_at, self.now)}"
        return Content.assemble((said, "bold"), (f"\n{who}. v lists them, and opens one as a case.", _QUIET))

    def _event(self, entry: EventEntry) -> Content:
        event = entry.event
        said = sentence(event, self.agent, self.now, self.zone)
        if event.kind is EventKind.NOTED:
            head = Content.assemble((said, "bold"), (f"  {self._when(event.at)}", _QUIET))
            return Content("\n").join([head, text.content(str(event.data["text"]))])
        return Content.styled(f"{said} · {self._when(event.at)}", _QUIET)


def _kind(entry: Entry) -> str:
    """The class by which the style sheet tells entries apart."""
    match entry:
        case PostEntry(post=post):
            if post.mention.from_brand:
                return "block brand"
            return "block customer" if post.in_case else "block other"
        case ReplyEntry(reply=reply):
            return f"block brand reply {reply.state.value}"
        case EventEntry(event=event):
            return "block note" if event.kind is EventKind.NOTED else "event"
        case EarlierEntry() | LeftOutEntry():
            return "event"
        case CopiesEntry():
            return "block other"


def _fate(reply: Reply, *, mine: bool, now: datetime) -> tuple[str, str]:
    """Where a reply is on its way, and the style that says how that is."""
    platform = platform_of(reply.source).title
    match reply.state:
        case ReplyState.APPROVED:
            back = ", u takes it back" if mine else ""
            if reply.send_after > now:
                return f"◷ goes out in {span(reply.send_after - now)}{back}", "$warning"
            return f"◷ waits to be sent{back}", "$warning"
        case ReplyState.SENDING:
            return f"◷ being sent to {platform}", "$warning"
        case ReplyState.UNCONFIRMED:
            last = f"\nThe sender last said: {text.line(reply.error, limit=300)}" if reply.error else ""
            return (
                f"? in doubt: {platform} did not confirm it, and it is looked for before anything else. "
                f"Look yourself, then press a.{last}",
                "$warning",
            )
        case ReplyState.FAILED:
            return f"✗ not sent: {text.line(reply.error, limit=300)}", "$error"
        case ReplyState.SENT:
            if reply.external_id is None:
                return f"✓ out on {platform}, as somebody saw", "$success"
            return f"✓ public on {platform}", "$success"
        case ReplyState.CANCELLED:
            return "taken back", _QUIET
