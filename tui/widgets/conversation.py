"""The middle of the desk: what was said and done in one case, with its state on top."""

from __future__ import annotations

from datetime import datetime, tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from desk.model.case import CLOSED, Case, CaseState, Opening, Severity
from desk.model.platform import platform_of
from desk.model.sla import Clock
from desk.store.case_view import CaseView
from tui import text
from tui.timeline import Entry, entries, same_words
from tui.times import GLYPHS, Band, band, clock, countdown
from tui.widgets.blocks import Block

_BAND_STYLES = {
    Band.OVERDUE: "bold $error",
    Band.SOON: "bold $warning",
    Band.FRESH: "$success",
    Band.RESTING: "$quiet",
}
_CLOCKS = {
    Clock.FIRST_RESPONSE: "first answer",
    Clock.NEXT_RESPONSE: "next answer",
    Clock.RESOLUTION: "resolution",
}
_SEVERITY_STYLES = {Severity.URGENT: "bold $error", Severity.HIGH: "bold $warning"}


class CaseHead(Static):
    """Two lines: what the case is, and who has it until when."""

    def show(self, view: CaseView, agent: str, now: datetime, zone: tzinfo | None) -> None:
        case = view.case
        pressing = band(case, now)
        words = countdown(case, now)
        if case.due_clock and case.state not in CLOSED:
            words += f" for the {_CLOCKS[case.due_clock]}"
        style = _BAND_STYLES[pressing]
        due = Content.styled(f"{GLYPHS[pressing]} {words}", style)
        severity = Content.styled(case.severity.word, _SEVERITY_STYLES.get(case.severity, "$quiet"))
        what = [due, severity, Content.styled(platform_of(case.source).title, "$quiet")]
        if case.opening is Opening.NEEDS_LOOK:
            what.append(Content.styled("needs a look", "$warning"))
        if case.linked_case_id is not None:
            what.append(Content.styled(f"continues case {case.linked_case_id}", "$quiet"))
        dot = Content.styled(" · ", "$quiet")
        self.update(Content("\n").join([dot.join(what), _standing(view, agent, now, zone)]))


class Timeline(VerticalScroll):
    """Stays at its end, also while it is hidden or changes its size, until the agent scrolls up."""

    at_end = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self.size.height:
            self.at_end = self.is_vertical_scroll_end

    def on_resize(self) -> None:
        self.follow()

    def watch_virtual_size(self) -> None:
        self.follow()

    def follow(self) -> None:
        if self.at_end:
            self.scroll_end(animate=False, immediate=True)


class Conversation(Vertical):
    """Shows one case; `view` goes in through `show`, time through `tick`."""

    def __init__(self, *, agent: str, now: datetime, zone: tzinfo | None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.agent = agent
        self.now = now
        self.zone = zone
        self.view: CaseView | None = None
        self.unfolded = False
        self.explained = False
        """The words that moved the verdicts are marked, where somebody has asked for them."""

    def compose(self) -> ComposeResult:
        yield CaseHead(id="case-head")
        yield Timeline(id="timeline")

    @property
    def timeline(self) -> Timeline:
        return self.query_one(Timeline)

    async def show(self, view: CaseView) -> None:
        """Show a case: another one from its end, the same one without moving what is read."""
        same = self.view is not None and self.view.case.id == view.case.id
        if not same:
            self.unfolded = self.explained = False
        self.view = view
        self.query_one(CaseHead).show(view, self.agent, self.now, self.zone)
        await self._lay_out(entries(view, unfolded=self.unfolded), same=same)

    async def unfold(self) -> None:
        """Show long posts and early entries whole, or folded again."""
        if self.view is not None:
            self.unfolded = not self.unfolded
            await self._lay_out(entries(self.view, unfolded=self.unfolded), same=False)

    def explain(self, *, explained: bool) -> None:
        """Mark the words that moved the verdicts, or no longer."""
        self.explained = explained
        for block in self.query(Block):
            block.explained = explained
            block.tick(self.now)

    def tick(self, now: datetime) -> None:
        self.now = now
        if self.view is not None:
            self.query_one(CaseHead).show(self.view, self.agent, now, self.zone)
            for block in self.query(Block):
                block.tick(now)

    async def _lay_out(self, wanted: list[Entry], *, same: bool) -> None:
        timeline = self.timeline
        blocks = list(timeline.query_children(Block))
        keys = [block.entry.key for block in blocks]
        reading_back, place = same and not timeline.at_end, timeline.scroll_y
        if same and keys == [entry.key for entry in wanted[: len(keys)]]:
            # What the agent reads stays in place: entries change where they stand, new ones follow.
            for block, entry in zip(blocks, wanted, strict=False):
                block.show(entry)
            await timeline.mount_all([self._block(entry) for entry in wanted[len(keys) :]])
            timeline.follow()
            return
        await timeline.remove_children()
        await timeline.mount_all([self._block(entry) for entry in wanted])
        if reading_back:
            timeline.scroll_to(y=place, animate=False)
        else:
            timeline.at_end = True
            timeline.follow()

    def _block(self, entry: Entry) -> Block:
        return Block(
            entry,
            agent=self.agent,
            now=self.now,
            zone=self.zone,
            unfolded=self.unfolded,
            explained=self.explained,
        )


def title(view: CaseView) -> Content:
    """Who writes, in a line for the pane's frame."""
    handle = text.fit(text.writer(view.answering), 40).rstrip()
    return Content(f"2 Case {view.case.id} · {handle}")


def _standing(view: CaseView, agent: str, now: datetime, zone: tzinfo | None) -> Content:
    """Whose it is, what colleagues are doing, and whether it rests."""
    case = view.case
    parts = [_owner(case, agent)]
    live = view.live_reply
    if view.doubtful_reply is not None:
        parts.append(Content.styled("a reply is in doubt", "bold $warning"))
    elif live is not None and live.agent != agent:
        parts.append(Content.styled(f"{text.line(live.agent)}’s reply is on its way", "bold $warning"))
    if case.state is CaseState.WAITING:
        parts.append(Content.styled("waiting for the customer", "$quiet"))
    elif case.state is CaseState.SNOOZED and case.snoozed_until is not None:
        parts.append(Content.styled(f"snoozed until {clock(case.snoozed_until, now, zone)}", "$quiet"))
    elif case.state in CLOSED and case.closed_at is not None:
        parts.append(Content.styled(f"{case.state} {clock(case.closed_at, now, zone)}", "$quiet"))
    if case.unanswered > 1:
        parts.append(Content(f"{case.unanswered} posts unanswered"))
    if view.copies.count:
        parts.append(Content.styled(same_words(view.copies.count), "bold"))
    return Content.styled(" · ", "$quiet").join(parts)


def _owner(case: Case, agent: str) -> Content:
    if case.assignee is None:
        return Content.styled("nobody’s yet", "$quiet")
    if case.assignee == agent:
        return Content.styled("yours", "$primary")
    return Content.styled(f"{text.line(case.assignee, limit=60)} has claimed it", "bold $warning")
