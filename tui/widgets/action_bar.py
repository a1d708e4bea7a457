"""The bottom line: the keys that work now."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from tui.bindings import key_name


class ActionBar(Static):
    """One line instead of Textual's footer of one widget a key, which is rebuilt with every change."""

    def __init__(self) -> None:
        super().__init__(id="actions")
        self._offered: list[tuple[str, str, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._changed())
        self._changed()

    def _changed(self) -> None:
        if not self.screen.is_current:
            return  # a question stands before the desk and says its own keys
        offered: dict[str, tuple[str, str, str]] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.action not in offered:
                key = binding.key_display or key_name(binding.key)
                offered[binding.action] = (key, binding.description, binding.action)
        if list(offered.values()) != self._offered:
            self._offered = list(offered.values())
            self.update(Content("  ").join([_offer(*each) for each in self._offered]))


def _offer(key: str, title: str, action: str) -> Content:
    click = Style.from_meta({"@click": f"screen.{action}"})
    return Content.assemble((key, "bold $accent"), " ", (title, "$quiet")).stylize(click)
