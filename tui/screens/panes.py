"""Which of the three panes are to be seen, by the room that the terminal gives."""

from __future__ import annotations

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

PANES = ("queue", "conversation", "customer")
_FOCUS = {"queue": "#queue", "conversation": "#timeline", "customer": "#customer"}


class Panes:
    """Wide terminals show all three, medium ones two, narrow ones the one with the focus."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.at = "queue"

    @property
    def narrow(self) -> bool:
        return self._screen.has_class("-narrow")

    @property
    def visible(self) -> list[str]:
        if self.narrow:
            return list(PANES)
        return [pane for pane in PANES if self._screen.query_one(f"#{pane}-pane").display]

    def go(self, pane: str) -> None:
        """Show a pane and put the focus into it."""
        self._mark(pane)
        if pane == "customer":
            self._screen.set_class(True, "-with-customer").set_class(False, "-without-customer")
        elif pane == "queue":
            self._screen.set_class(False, "-with-customer")
        self._screen.call_after_refresh(self._focus, pane)

    def step(self, by: int) -> None:
        panes = self.visible
        place = panes.index(self.at) if self.at in panes else 0
        self.go(panes[(place + by) % len(panes)])

    def toggle_customer(self) -> None:
        if self.narrow:
            self.go("queue" if self.at == "customer" else "customer")
        elif self._screen.has_class("-wide"):
            self._screen.toggle_class("-without-customer")
        else:
            self._screen.toggle_class("-with-customer")
        if self._screen.focused is None:
            self.step(0)

    def focused(self, widget: Widget) -> None:
        """Follow a focus that came by other ways, such as the mouse."""
        node: DOMNode | None = widget
        while node is not None:
            if node.id and node.id.removesuffix("-pane") in PANES:
                self._mark(node.id.removesuffix("-pane"))
                return
            node = node.parent

    def _mark(self, pane: str) -> None:
        if pane == self.at:
            return
        for other in PANES:
            self._screen.query_one(f"#{other}-pane").set_class(other == pane, "-here")
        self.at = pane

    def _focus(self, pane: str) -> None:
        target = self._screen.query_one(_FOCUS[pane])
        field = self._screen.query_one("#composer-field")
        if pane == "conversation" and field.display:
            target = field
        target.focus(scroll_visible=False)
