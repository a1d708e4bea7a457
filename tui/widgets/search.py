"""The search field above the queue."""

from __future__ import annotations

from textual.widgets import Input

from tui.bindings import Scope, bindings
from tui.messages import SearchChanged, SearchEnded


class SearchField(Input):
    """Searches while the agent types; enter goes to the results, escape shows everything again."""

    BINDINGS = bindings(Scope.SEARCH)

    def __init__(self) -> None:
        super().__init__(placeholder="words, handle or name", id="search", compact=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(SearchChanged(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep_search()

    def action_keep_search(self) -> None:
        self.post_message(SearchEnded(keep=True))

    def action_end_search(self) -> None:
        self.post_message(SearchEnded(keep=False))
