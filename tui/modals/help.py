"""All keys, from the registry."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.bindings import Action, grouped, key_name

_KEYS = 8
_TITLE = 17


class HelpModal(ModalScreen[None]):
    """Shows what can be done, and with which key."""

    BINDINGS = [Binding("escape,q,question_mark", "leave", "Close", id="help.leave")]  # noqa: RUF012

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self.keymap = keymap

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = Content("Keys")
            with VerticalScroll():
                for group, actions in grouped().items():
                    yield Static(Content.styled(group.value, "bold $primary"), classes="help-group")
                    for action in actions:
                        yield Static(self._line(action), classes="help-line")
            yield Static(Content("ctrl+p searches them by name · esc closes"), classes="dialog-keys")

    def _line(self, action: Action) -> Content:
        key = key_name(self.keymap.get(action.id, action.keys))
        return Content.assemble(
            (f"{key:>{_KEYS}}  ", "bold $accent"), f"{action.title:<{_TITLE}}", (action.about, "$quiet")
        )

    def action_leave(self) -> None:
        self.dismiss(None)
