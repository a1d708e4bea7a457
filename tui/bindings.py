"""The one registry of what an agent can do: footer, help, palette and remapping all read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType

from desk.model.event import EventKind


class Scope(StrEnum):
    """Where the keys work."""

    DESK = "desk"
    """Everywhere but in a field in which the agent types."""
    QUEUE = "queue"
    COMPOSER = "composer"
    SEARCH = "search"


class Group(StrEnum):
    """Headings of the help."""

    CASE = "The case"
    ANSWER = "Answering"
    MOVE = "Moving"
    FIND = "Finding"
    VIEW = "The desk"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an agent can do."""

    id: str
    """Stable: a keymap names it."""
    keys: str
    """Comma-separated, the first one is shown."""
    action: str
    """Name of Textual's `action_…`, with its arguments."""
    title: str
    about: str
    """One sentence for help and palette."""
    group: Group
    scope: Scope = Scope.DESK
    footer: bool = False
    on_case: bool = False
    """Only where a case is shown."""
    kind: EventKind | None = None
    """What the case's state must permit."""

    @property
    def name(self) -> str:
        return self.action.partition("(")[0]

    def binding(self) -> Binding:
        # `show` is the footer; a hidden binding still appears in help and palette.
        return Binding(self.keys, self.action, self.title, show=self.footer, id=self.id, tooltip=self.about)


_CASE, _ANSWER, _MOVE, _FIND, _VIEW = Group
_K = EventKind

ACTIONS: tuple[Action, ...] = (
    Action("case.reply", "r", "reply", "Reply", "Answer the customer's latest post.", _ANSWER,
           footer=True, on_case=True, kind=_K.BRAND_REPLIED),
    Action("case.settle", "a", "settle", "Is it out?",
           "Settle a reply in doubt: say whether it is out.", _ANSWER,
           footer=True, on_case=True, kind=_K.REPLY_SETTLED),
    Action("case.claim", "c", "claim", "Claim", "Make the case yours, also one that a colleague has.", _CASE,
           footer=True, on_case=True, kind=_K.CLAIMED),
    Action("case.resolve", "e", "resolve", "Resolve", "Done: close the case and go on to the next.", _CASE,
           footer=True, on_case=True, kind=_K.RESOLVED),
    Action("case.snooze", "z", "snooze", "Snooze", "Put it away until a time, or until the customer writes.",
           _CASE, footer=True, on_case=True, kind=_K.SNOOZED),
    Action("case.note", "n", "note", "Note", "Write a note that only colleagues see.", _CASE,
           footer=True, on_case=True, kind=_K.NOTED),
    Action("case.dismiss", "d", "dismiss", "Dismiss", "Not for us: close it and say why.", _CASE,
           footer=True, on_case=True, kind=_K.DISMISSED),
    Action("case.reopen", "o", "reopen", "Reopen", "Open a closed case again.", _CASE,
           footer=True, on_case=True, kind=_K.REOPENED),
    Action("case.wake", "w", "wake", "Wake", "Bring a snoozed case back now.", _CASE,
           footer=True, on_case=True, kind=_K.WOKEN),
    Action("case.severity", "s", "severity", "Severity", "Say how severe it is.", _CASE,
           on_case=True, kind=_K.SEVERITY_CHANGED),
    Action("case.release", "C", "release", "Release", "Give the case back to everybody.", _CASE,
           on_case=True, kind=_K.RELEASED),
    Action("case.undo", "u", "undo", "Undo", "Take back your last act, also a reply that is not out.",
           _CASE, footer=True),
    Action("case.copies", "v", "copies", "Same words", "Who wrote the same; opens one as a case of its own.",
           _CASE, on_case=True),
    Action("case.why", "i", "why", "Why", "Which words moved the verdict on the customer's post.", _CASE,
           on_case=True),
    Action("case.correct", "m", "correct", "Correct",
           "Tell the classifier what the customer's post is.", _CASE,
           on_case=True, kind=_K.CORRECTED),
    Action("case.browse", "b", "browse", "Open in browser", "Open the customer's post on its platform.",
           _CASE, on_case=True),
    Action("case.copy", "y", "copy", "Copy link", "Copy the address of the customer's post.", _CASE,
           on_case=True),
    Action("composer.send", "ctrl+s,ctrl+enter", "send", "Send", "Approve the reply; it goes out soon after.",
           _ANSWER, Scope.COMPOSER, footer=True),
    Action("composer.leave", "escape", "leave", "Keep draft", "Back to reading; what you wrote is kept.",
           _ANSWER, Scope.COMPOSER, footer=True),
    Action("move.next", "j", "next_case", "Next case", "The next case in the queue.", _MOVE),
    Action("move.previous", "k", "previous_case", "Previous case", "The case before.", _MOVE),
    Action("queue.down", "down", "cursor(1)", "Down", "One case down.", _MOVE, Scope.QUEUE),
    Action("queue.up", "up", "cursor(-1)", "Up", "One case up.", _MOVE, Scope.QUEUE),
    Action("queue.page_down", "pagedown", "page(1)", "Page down", "A screenful down.", _MOVE, Scope.QUEUE),
    Action("queue.page_up", "pageup", "page(-1)", "Page up", "A screenful up.", _MOVE, Scope.QUEUE),
    Action("queue.first", "home,g", "first", "First", "The case that is due first.", _MOVE, Scope.QUEUE),
    Action("queue.last", "end,G", "last", "Last", "The last case that is loaded.", _MOVE, Scope.QUEUE),
    Action("queue.open", "enter", "open", "Read", "Go into the conversation.", _MOVE, Scope.QUEUE),
    Action("pane.queue", "1", "pane('queue')", "Queue", "Go to the queue.", _MOVE),
    Action("pane.conversation", "2", "pane('conversation')", "Conversation", "Go to the conversation.",
           _MOVE),
    Action("pane.customer", "3", "pane('customer')", "Customer", "Go to the customer.", _MOVE),
    Action("pane.next", "tab", "next_pane(1)", "Next pane", "Go to the next pane.", _MOVE),
    Action("pane.previous", "shift+tab", "next_pane(-1)", "Previous pane", "Go to the pane before.", _MOVE),
    Action("pane.back", "escape", "back", "Back", "Back to the queue; ends a search.", _MOVE),
    Action("find.search", "slash", "search", "Search", "Find words in posts, handles and names.", _FIND,
           footer=True),
    Action("search.keep", "down", "keep_search", "To the results", "Go to what was found.", _FIND,
           Scope.SEARCH, footer=True),
    Action("search.end", "escape", "end_search", "End search", "Show everything again.", _FIND, Scope.SEARCH,
           footer=True),
    Action("find.next_shelf", "right_square_bracket,right", "shelf(1)", "Next shelf",
           "To do, mine, waiting, snoozed, closed, all.", _FIND),
    Action("find.previous_shelf", "left_square_bracket,left", "shelf(-1)", "Previous shelf",
           "The shelf before.", _FIND),
    Action("find.narrow", "f", "narrow", "Filter", "Only one brand, or one platform.", _FIND),
    Action("view.customer", "p", "toggle_customer", "Customer pane", "Show or hide the customer.", _VIEW),
    Action("view.unfold", "x", "unfold", "Unfold", "Show long posts and early posts whole, or folded.", _VIEW,
           on_case=True),
    Action("view.theme", "t", "theme", "Theme", "Choose how the desk looks.", _VIEW),
    Action("view.refresh", "f5", "reload", "Read again", "Read everything from the store again.", _VIEW),
    Action("view.help", "question_mark", "help", "Help", "All keys.", _VIEW, footer=True),
    Action("view.quit", "q", "quit", "Quit", "Leave the desk; drafts are kept.", _VIEW, footer=True),
)  # fmt: skip

BY_NAME = {action.name: action for action in ACTIONS if action.scope is Scope.DESK}


def bindings(scope: Scope) -> list[BindingType]:
    """The Textual bindings of one place."""
    return [action.binding() for action in ACTIONS if action.scope is scope]


def grouped(actions: Iterable[Action] = ACTIONS) -> dict[Group, list[Action]]:
    """By heading, in the registry's order."""
    return {group: [action for action in actions if action.group is group] for group in Group}


def key_name(keys: str) -> str:
    """How the first key of a binding is written for people."""
    first = keys.split(",", maxsplit=1)[0]
    return _KEY_NAMES.get(first, first.replace("ctrl+", "^").replace("shift+", "⇧"))


_KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "down": "↓",
    "up": "↑",
}
