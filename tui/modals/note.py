"""A note for colleagues."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea


class NoteModal(ModalScreen[str | None]):
    """Asks for the note's words; None where there are none."""

    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+s,ctrl+enter", "save", "Save", id="note.save"),
        Binding("escape", "leave", "Never mind", id="note.leave"),
    ]

    def __init__(self, case_id: int, words: str = "") -> None:
        """`words` stand in it already."""
        super().__init__()
        self.case_id, self.words = case_id, words

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"Note on case {self.case_id}")
            yield TextArea(self.words, id="note-field", soft_wrap=True, show_line_numbers=False, compact=True)
            yield Static(
                Content("Only colleagues see it · ctrl+s saves · esc throws it away"), classes="dialog-keys"
            )

    def action_save(self) -> None:
        self.dismiss(self.query_one(TextArea).text.strip() or None)

    def action_leave(self) -> None:
        self.dismiss(None)
