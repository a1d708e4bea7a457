"""The bottom line: the keys that work now."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.widgets import Static

from tui.bindings import key_name

_GAP = 2
_ALWAYS = "help"
"""Stays where the line is too short for all: it leads to the others."""


@dataclass(frozen=True, slots=True)
class _Offer:
    key: str
    title: str
    action: str

    @property
    def width(self) -> int:
        return len(self.key) + 1 + len(self.title) + _GAP


class ActionBar(Static):
    """One line instead of Textual's footer of one widget a key, which is rebuilt with every change."""

    def __init__(self) -> None:
        super().__init__(id="actions")
        self._offers: list[_Offer] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._changed())
        self._changed()

    def on_resize(self) -> None:
        self._changed()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        end = 0
        for offer in self._offers:
            end += offer.width
            if offset is not None and offset.x < end:
                self.call_later(self.screen.run_action, offer.action)
                return

    def _changed(self) -> None:
        if not self.screen.is_current:
            return  # a question stands before the desk and says its own keys
        found: dict[str, _Offer] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.action not in found:
                key = binding.key_display or key_name(binding.key)
                found[binding.action] = _Offer(key, binding.description, binding.action)
        offers = _fitting(list(found.values()), self.content_size.width)
        if offers != self._offers:
            self._offers = offers
            parts = [Content.assemble((o.key, "bold $accent"), " ", (o.title, "$quiet")) for o in offers]
            self.update(Content(" " * _GAP).join(parts))


def _fitting(offers: list[_Offer], width: int) -> list[_Offer]:
    """As many as the line holds, the last ones left out first."""
    while offers and sum(offer.width for offer in offers) - _GAP > width:
        spare = [offer for offer in offers if offer.action != _ALWAYS]
        if not spare:
            break
        offers = [offer for offer in offers if offer != spare[-1]]
    return offers
