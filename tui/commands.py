"""The palette: every action of the registry that can be done now, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.bindings import ACTIONS, Action, Scope, key_name
from tui.screens.case_actions import CaseActions


class DeskCommands(Provider):
    """What the agent can do with the case that is shown, and with the desk."""

    async def discover(self) -> Hits:
        for action in self._possible():
            label = Content(f"{action.title}  {key_name(action.keys)}")
            yield DiscoveryHit(label, self._run(action), text=action.title, help=action.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._possible():
            # The words of the explanation lead there too, but a title that matches comes first.
            score = max(matcher.match(action.title), 0.5 * matcher.match(action.about))
            if score > 0:
                yield Hit(score, matcher.highlight(action.title), self._run(action), help=action.about)

    def _possible(self) -> list[Action]:
        desk = self.screen
        assert isinstance(desk, CaseActions)  # noqa: S101 - the palette opens over the desk alone
        return [action for action in ACTIONS if action.scope is Scope.DESK and desk.is_possible(action.name)]

    def _run(self, action: Action) -> Callable[[], Awaitable[None]]:
        return partial(self.screen.run_action, action.action)
