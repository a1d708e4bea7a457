"""Where an answer is written: first whether it may be, then how much room the platform leaves."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static, TextArea

from desk.model.case import CLOSED, CaseId
from desk.model.platform import measure_reply, platform_of
from desk.store.case_view import CaseView
from tui import text
from tui.bindings import Scope, bindings
from tui.messages import ComposerLeft, DraftChanged, SendAsked

_NEAR = 0.9
"""Share of the limit from which the count warns."""
_SAVE_AFTER_SECONDS = 1.5


def obstacle(view: CaseView, agent: str) -> str:
    """Why this case cannot be answered now, in a sentence; empty where it can."""
    post = view.answering
    live = view.live_reply
    if view.case.state in CLOSED:
        return f"The case is {view.case.state}: o opens it again."
    if any(entry.deleted and entry.mention.id == post.id for entry in view.posts):
        return "The customer has deleted the post: there is nothing to answer."
    if not post.replyable.allowed:
        return (
            f"No reply possible: {text.line(post.replyable.reason, limit=300) or 'the platform forbids it.'}"
        )
    if view.doubtful_reply is not None:
        return "Nobody knows whether the last reply is out: look, then press a."
    if live is not None and live.agent == agent:
        return "Your reply is on its way; until it is out, u takes it back."
    if live is not None:
        return f"{text.line(live.agent, limit=60)}’s reply is on its way."
    return ""


class ReplyField(TextArea):
    """The field itself; its keys are the registry's."""

    BINDINGS = bindings(Scope.COMPOSER)

    def action_send(self) -> None:
        self.screen.query_one(Composer).send()

    def action_leave(self) -> None:
        self.screen.query_one(Composer).leave()


class Composer(Vertical):
    """One line while it is closed; the field and the count while it is open."""

    def __init__(self, *, agent: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self.agent = agent
        self.view: CaseView | None = None
        self._saving: Timer | None = None
        self._saved = ""
        self._kept: dict[CaseId, str] = {}
        """What was written, until the store has shown that it has it: a case is read some time after."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="composer-line"):
            yield Static(id="composer-says")
            yield Static(id="composer-count")
        field = ReplyField(id="composer-field", soft_wrap=True, show_line_numbers=False, compact=True)
        field.display = False
        yield field

    @property
    def field(self) -> ReplyField:
        return self.query_one(ReplyField)

    @property
    def is_open(self) -> bool:
        return self.field.display

    @property
    def case_id(self) -> CaseId | None:
        return None if self.view is None else self.view.case.id

    def show(self, view: CaseView) -> None:
        """Show a case; what is being written for the same case stays as it is."""
        if self.case_id != view.case.id and self.is_open:
            self.leave()
        self.view = view
        if self._kept.get(view.case.id) == view.draft:
            del self._kept[view.case.id]
        if self.is_open and obstacle(view, self.agent):
            # Answered or closed by somebody else meanwhile: keep the words, refuse more of them.
            self.leave()
        self._say()

    def open(self) -> None:
        """Begin to write, from the draft where there is one. Does nothing where no reply is possible."""
        if self.view is None or self.is_open or obstacle(self.view, self.agent):
            return
        field = self.field
        self._saved = self._draft(self.view)
        field.load_text(self._saved)
        field.move_cursor(field.document.end)
        field.display = True
        self.add_class("-open")
        field.focus()
        self._say()

    def leave(self) -> None:
        """Stop writing and keep the words."""
        if not self.is_open:
            return
        self.keep()
        self.close()
        self.post_message(ComposerLeft())

    def close(self) -> None:
        """Put the field away without asking; the reply is on its way, or the draft is kept."""
        if self._saving is not None:
            self._saving.stop()
        self.field.display = False
        self.remove_class("-open")
        self._say()

    def keep(self) -> None:
        """Have what was written so far saved."""
        case_id = self.case_id
        if case_id is not None and self.is_open and self.field.text != self._saved:
            self._saved = self._kept[case_id] = self.field.text
            self.post_message(DraftChanged(case_id, self.field.text))

    def send(self) -> None:
        view = self.view
        if view is None or not self.is_open:
            return
        length = measure_reply(view.case.source, self.field.text)
        if length.problem:
            platform = platform_of(view.case.source).title
            self.app.notify(f"{platform} would refuse this: {length.problem}", severity="error", markup=False)
            return
        # No draft is saved now: it could reach the store after the approval, which forgets the draft.
        if self._saving is not None:
            self._saving.stop()
        self._kept.pop(view.case.id, None)
        self.post_message(SendAsked(view.case, self.field.text))

    def _draft(self, view: CaseView) -> str:
        return self._kept.get(view.case.id, view.draft)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._say()
        if self._saving is not None:
            self._saving.stop()
        if self.is_open:
            self._saving = self.set_timer(_SAVE_AFTER_SECONDS, self.keep)

    def _say(self) -> None:
        """The line above the field, and the count at its end."""
        says, count = self.query_one("#composer-says", Static), self.query_one("#composer-count", Static)
        view = self.view
        if view is None:
            says.update("")
            count.update("")
            return
        refusal = obstacle(view, self.agent)
        self.set_class(bool(refusal), "-refused")
        if refusal:
            says.update(Content.styled(f"⊘ {refusal}", "$warning"))
            count.update("")
            return
        platform = platform_of(view.case.source)
        to = f"{text.writer(view.answering)} on {platform.title}"
        if not self.is_open:
            what = "r continues your draft to" if self._draft(view) else "r answers"
            says.update(Content.styled(f"{what} {to}", "$quiet"))
            count.update("")
            return
        says.update(Content.assemble("To ", (to, "bold"), self._beside(view)))
        length = measure_reply(view.case.source, self.field.text)
        over = length.used > length.limit
        style = "bold $error" if over else "$warning" if length.used >= length.limit * _NEAR else "$quiet"
        mark = " over" if over else ""
        count.update(Content.styled(f"{length.used:,}/{length.limit:,}{mark}", style))

    def _beside(self, view: CaseView) -> tuple[str, str]:
        """Who else has the case, where sending would step on their toes."""
        assignee = view.case.assignee
        if assignee in (None, self.agent):
            return ("", "")
        return (f"  {text.line(assignee or '', limit=60)} has claimed this case", "$warning")
