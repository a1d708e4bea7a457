"""What an agent can do with the case that is shown; each act is one use case of the kernel."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from textual.screen import Screen
from textual.widgets import Input, TextArea

from desk.model.case import CaseId, CaseState, Severity, allowed
from desk.model.correction import Label
from desk.model.event import EventKind
from desk.model.mention import Mention
from desk.store.case_view import CaseView, Post
from tui import acts
from tui.acts import Act
from tui.bindings import BY_NAME, key_name
from tui.messages import Acted, Refused, SendAsked
from tui.modals.note import NoteModal
from tui.modals.questions import (
    Further,
    ask_copy,
    ask_correction,
    ask_mood,
    ask_reason,
    ask_settle,
    ask_severity,
    ask_until,
    ask_what_about,
)
from tui.when import Moment
from tui.widgets.composer import Composer, obstacle

if TYPE_CHECKING:
    from tui.app import DeskApp


class CaseActions(Screen[None]):
    """The part of the desk that acts: asks where it must, performs, and remembers what can be taken back."""

    def __init__(self, *, agent: str, now: datetime, zone: tzinfo | None) -> None:
        super().__init__()
        self.agent = agent
        self.now = now
        self.zone = zone
        self.view: CaseView | None = None
        self.reply_wanted = False
        """The agent asked to write while the case is still being read: what they type now is no command."""
        self._done: list[Act] = []
        """The agent's acts of this session that undo has not taken back, latest last."""

    @property
    def desk_app(self) -> DeskApp:
        return cast("DeskApp", self.app)

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    def say(self, sentence: str, *, bad: bool = False) -> None:
        """A toast; the words may be outside words, so nothing in them is mark-up."""
        self.notify(sentence, severity="error" if bad else "information", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what the case that is shown does not permit, and all of it while the agent types."""
        known = BY_NAME.get(action)
        if known is None:
            return super().check_action(action, parameters)
        self.leave_stale_case()
        typing = isinstance(self.focused, Input | TextArea) or self.reply_wanted
        return not (typing and len(key_name(known.keys)) == 1) and self.is_possible(action)

    def is_possible(self, action: str) -> bool:
        """Whether an action of the registry makes sense for the case that is shown."""
        known = BY_NAME[action]
        if action == "undo":
            return bool(self._done)
        if not known.on_case:
            return True
        if self.view is None:
            return action == "reply" and self.case_is_coming
        case = self.view.case
        if known.kind is not None and not allowed(case.state, known.kind):
            return False
        match action:
            case "claim":
                return case.assignee != self.agent
            case "release":
                return case.assignee is not None
            case "wake":
                return case.state is CaseState.SNOOZED
            case "reply":
                return allowed(case.state, EventKind.CLAIMED)
            case "settle":
                return self.view.doubtful_reply is not None
            case "why" | "correct":
                post = self._answering()
                return post is not None and post.verdict is not None
            case "copies":
                return self.view.copies.count > 0
            case "browse" | "copy":
                return bool(self._address())
        return True

    # --- answering ---------------------------------------------------------------------------------

    def action_reply(self) -> None:
        if self.view is None:
            self.reply_wanted = self.case_is_coming
            return
        case = self.view.case
        refusal = obstacle(self.view, self.agent)
        if refusal:
            self.say(refusal, bad=True)
            return
        if case.assignee is None:
            # Colleagues see at once that somebody is writing. Taken back together with nothing else.
            self.desk_app.perform(acts.claim(case, self.agent))
        self.go_to_pane("conversation")
        self.composer.open()

    def on_send_asked(self, message: SendAsked) -> None:
        undo_seconds = self.desk_app.undo_seconds
        self.desk_app.perform(acts.approve(message.case, self.agent, message.text, undo_seconds))

    def action_settle(self) -> None:
        reply = self.view.doubtful_reply if self.view is not None else None
        if self.view is None or reply is None:
            return
        case = self.view.case

        def chosen(out: bool | None) -> None:
            if out is not None:
                self.desk_app.perform(acts.settle(case, self.agent, reply, out=out))

        self.app.push_screen(ask_settle(reply, self.agent), chosen)

    # --- acts --------------------------------------------------------------------------------------

    def action_claim(self) -> None:
        if self.view is not None:
            self.desk_app.perform(acts.claim(self.view.case, self.agent))

    def action_release(self) -> None:
        if self.view is not None:
            self.desk_app.perform(acts.release(self.view.case, self.agent))

    def action_resolve(self) -> None:
        if self.view is not None:
            self.desk_app.perform(acts.resolve(self.view.case, self.agent))

    def action_reopen(self) -> None:
        if self.view is not None:
            self.desk_app.perform(acts.reopen(self.view.case, self.agent))

    def action_wake(self) -> None:
        if self.view is not None:
            self.desk_app.perform(acts.wake(self.view.case, self.agent))

    def action_snooze(self) -> None:
        if self.view is None:
            return
        case = self.view.case

        def chosen(moment: Moment | None) -> None:
            if moment is not None:
                self.desk_app.perform(acts.snooze(case, self.agent, moment.at, moment.words))

        self.app.push_screen(ask_until(self.now, self.zone), chosen)

    def action_dismiss(self) -> None:  # type: ignore[override]  # a screen's own "dismiss" has no use here
        if self.view is None:
            return
        case = self.view.case

        def chosen(reason: str | None) -> None:
            if reason is not None:
                self.desk_app.perform(acts.dismiss(case, self.agent, reason))

        self.app.push_screen(ask_reason(), chosen)

    def action_severity(self) -> None:
        if self.view is None:
            return
        case = self.view.case

        def chosen(severity: Severity | None) -> None:
            if severity is not None and severity is not case.severity:
                self.desk_app.perform(acts.set_severity(case, self.agent, severity))

        self.app.push_screen(ask_severity(case.severity), chosen)

    def action_note(self) -> None:
        if self.view is not None:
            self._ask_note(self.view.case.id)

    def _ask_note(self, case_id: CaseId, words: str = "") -> None:
        def written(words: str | None) -> None:
            if words is not None:
                self.desk_app.perform(acts.note(case_id, self.agent, words))

        self.app.push_screen(NoteModal(case_id, words), written)

    def action_correct(self) -> None:
        if self.view is None:
            return
        case, post, current = self.view.case, self.view.answering, self._verdict_as_label()

        def perform(label: Label | None) -> None:
            if label is not None:
                self.desk_app.perform(acts.correct(case, self.agent, post, label))

        def chosen(answer: Label | Further | None) -> None:
            match answer:
                case Further.REASON:
                    self.app.push_screen(ask_what_about(self.desk_app.reasons, current), perform)
                case Further.SENTIMENT:
                    self.app.push_screen(ask_mood(current), perform)
                case _:
                    perform(answer)

        self.app.push_screen(ask_correction(current), chosen)

    def _verdict_as_label(self) -> Label:
        """What the classifier says of the customer's latest post, in the words of a correction."""
        verdict = post.verdict if (post := self._answering()) else None
        if verdict is None:
            return Label()
        mood = verdict.sentiment
        shares = {-1: mood.negative, 0: mood.neutral, 1: mood.positive}
        return Label(verdict.is_complaint, max(shares, key=lambda each: shares[each]), verdict.reason or None)

    def _answering(self) -> Post | None:
        """The customer's latest post with what was thought of it."""
        posts = self.view.posts if self.view is not None else ()
        return next((post for post in posts if self.view and post.mention.id == self.view.answering.id), None)

    def action_why(self) -> None:
        post = self._answering()
        if post is not None and self.explain() and post.asked_at is None:
            self.desk_app.ask_why(post.mention.id)

    def action_copies(self) -> None:
        if self.view is None or not self.view.copies.count:
            return
        case = self.view.case

        def chosen(copy: Mention | None) -> None:
            if copy is not None:
                self.desk_app.perform(acts.open_copy(case, self.agent, copy))

        first = next((post.mention.text for post in self.view.posts if post.in_case), "")
        self.app.push_screen(ask_copy(self.view.copies, first, self.now, self.zone), chosen)

    def action_undo(self) -> None:
        if self._done:
            self.desk_app.perform(acts.undo(self._done[-1], self.agent))

    # --- the platform ------------------------------------------------------------------------------

    def action_browse(self) -> None:
        if address := self._address():
            self.app.open_url(address)
            self.say("Opened in the browser.")

    def action_copy(self) -> None:
        if address := self._address():
            self.app.copy_to_clipboard(address)
            self.say("Copied the post’s address.")

    def _address(self) -> str:
        """The post's address, where it is a web address and nothing else."""
        url = (self.view.answering.url or "") if self.view is not None else ""
        try:
            safe = url.isascii() and url.isprintable() and urlsplit(url).scheme in ("http", "https")
        except ValueError:  # "https://[x": whoever stored it did not look
            safe = False
        return url if safe else ""

    # --- how it went -------------------------------------------------------------------------------

    def on_acted(self, message: Acted) -> None:
        act = message.act
        if act.kind is EventKind.UNDONE:
            taken_back = act.undoes
            self._forget(taken_back)
            self.say(f"{act.said}.")
            reply = taken_back is not None and taken_back.kind is EventKind.REPLY_APPROVED
            self.came_back(act.case_id, compose=reply)
            return
        if act.undoable:
            self._done.append(act)
        if act.kind is EventKind.REPLY_APPROVED and self.composer.case_id == act.case_id:
            self.composer.close()
            self.go_to_pane("conversation")
        self.say(f"{act.said}. u undoes it." if act.undoable else f"{act.said}.")
        if act.leaves:
            self.let_go(act.case_id)
        self.reload()

    def _forget(self, act: Act | None) -> None:
        """The act is no longer there to be taken back."""
        if act in self._done:
            self._done.remove(act)

    def on_refused(self, message: Refused) -> None:
        if message.act is not None and message.final:
            self._forget(message.act.undoes)  # It can never be taken back; the one before it perhaps.
        self.say(message.sentence, bad=True)
        if message.act is not None:
            self.reload()
        if message.act is not None and message.act.words and not message.final:
            self._ask_note(message.act.case_id, message.act.words)

    # --- what the showing half does ----------------------------------------------------------------

    def leave_stale_case(self) -> None:
        """Let go of a case that the cursor has left: no key may act on it."""
        raise NotImplementedError

    @property
    def case_is_coming(self) -> bool:
        """The case under the cursor is being read, and is not shown yet."""
        raise NotImplementedError

    def explain(self) -> bool:
        """Mark the words that moved the verdict, or no longer; whether they are marked now."""
        raise NotImplementedError

    def go_to_pane(self, pane: str) -> None:
        raise NotImplementedError

    def let_go(self, case_id: CaseId) -> None:
        """The case need not stay under the cursor any longer."""
        raise NotImplementedError

    def came_back(self, case_id: CaseId, *, compose: bool) -> None:
        """Put the cursor on a case whose act was taken back."""
        raise NotImplementedError

    def reload(self) -> None:
        """Read the queue and the case again."""
        raise NotImplementedError
