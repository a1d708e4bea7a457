"""A question with a few answers, and perhaps one in the agent's own words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    words: str
    value: T
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OwnWords(Generic[T]):
    """An answer that the agent writes."""

    invitation: str
    example: str
    read: Callable[[str], T]
    """Raises ValueError with a sentence where the words are no answer."""


class Choose(ModalScreen[T | None], Generic[T]):
    """Asks; None where the agent thinks better of it. Digits answer at once."""

    BINDINGS = [Binding("escape", "leave", "Never mind", id="modal.leave")]  # noqa: RUF012

    def __init__(
        self,
        question: str,
        choices: Sequence[Choice[T]],
        *,
        own: OwnWords[T] | None = None,
        current: T | None = None,
        about: Content | None = None,
    ) -> None:
        """`about` is what the agent should have read before they answer."""
        super().__init__()
        self.question = question
        self.choices = choices
        self.own = own
        self.current = current
        self.about = about

    def compose(self) -> ComposeResult:
        options = [
            Option(_label(number, choice.words, choice.hint))
            for number, choice in enumerate(self.choices, start=1)
        ]
        if self.own is not None:
            options.append(Option(_label(len(options) + 1, self.own.invitation, "")))
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self.question)
            if self.about is not None:
                with VerticalScroll(id="about"):
                    yield Static(self.about)
            yield OptionList(*options, id="choices", compact=True)
            if self.own is not None:
                yield Input(placeholder=self.own.example, id="own", compact=True)
                yield Static(id="own-problem")
            yield Static(Content("enter chooses · esc goes back"), classes="dialog-keys")

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        values = [choice.value for choice in self.choices]
        options.highlighted = values.index(self.current) if self.current in values else 0
        options.focus()

    def on_key(self, event: events.Key) -> None:
        if event.key.isdigit() and not isinstance(self.focused, Input):
            event.stop()
            self._answer(int(event.key) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._answer(event.option_index)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        assert self.own is not None  # noqa: S101 - the field exists for it alone
        try:
            value = self.own.read(event.value)
        except ValueError as error:
            self.query_one("#own-problem", Static).update(Content.styled(str(error), "$error"))
            return
        self.dismiss(value)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _answer(self, index: int) -> None:
        if 0 <= index < len(self.choices):
            self.dismiss(self.choices[index].value)
        elif self.own is not None and index == len(self.choices):
            self.query_one("#own", Input).focus()


def _label(number: int, words: str, hint: str) -> Content:
    key = f"{number} " if number <= 9 else "  "
    return Content.assemble((key, "$accent"), words, (f"  {hint}", "$quiet"))
