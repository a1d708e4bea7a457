"""The customer beside the conversation: who writes, and what is known of them and from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from itertools import groupby

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from desk.model.case import CLOSED, Case, Severity
from desk.model.customer import CustomerField, Mood
from desk.model.platform import platform_of
from desk.store.case_view import CaseView, Profile
from tui import text
from tui.times import day

_BARS = "▁▂▃▄▅▆▇█"
_MOST_CASES = 8
_MOST_FIELDS = 40
_LABEL = 16
"""Most cells for the names of fields; longer ones stand on a line of their own."""


class CustomerPane(VerticalScroll):
    """Shows one customer."""

    def __init__(self, *, zone: tzinfo | None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone = zone
        self.view: CaseView | None = None
        self.now: datetime | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="profile")

    def show(self, view: CaseView, now: datetime) -> None:
        other = self.view is None or self.view.profile.customer.id != view.profile.customer.id
        self.view, self.now = view, now
        self._draw()
        if other:
            self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self.view is not None and self.now is not None:
            width = max(16, self.scrollable_content_region.width - 1)
            self.query_one("#profile", Static).update(describe(self.view, width, self.zone))


def describe(view: CaseView, width: int, zone: tzinfo | None) -> Content:
    """Everything about the customer, `width` cells wide."""
    profile = view.profile
    parts = [Content.styled(text.line(profile.customer.name, limit=200) or "Without a name", "bold")]
    parts += _accounts(profile)
    parts += _section("Mood", _mood(profile.moods, profile.posts, width, zone))
    for origin, fields in groupby(profile.fields[:_MOST_FIELDS], key=lambda field: field.origin):
        parts += _section(f"From {text.line(origin, limit=80)}", _fields(fields, width))
    if not profile.fields:
        parts += _section("Your records", [Content.styled("Nothing imported about this account.", "$quiet")])
    parts += _section("Cases", _cases(profile.cases, view.case, width, zone))
    return Content("\n").join(parts)


def _section(title: str, lines: Iterable[Content]) -> list[Content]:
    return [Content(""), Content.styled(title, "bold $secondary"), *lines]


def _accounts(profile: Profile) -> list[Content]:
    lines = []
    for account in profile.customer.accounts:
        lines.append(
            Content.assemble(
                text.handle(account.source, account.handle),
                (f" on {platform_of(account.source).title}", "$quiet"),
            )
        )
        lines.append(Content.styled(f"  {text.line(account.legal_basis, limit=200)}", "$quiet"))
    return lines


def _fields(fields: Iterable[CustomerField], width: int) -> list[Content]:
    named = [(text.line(f.name.replace("_", " "), limit=80), text.line(f.value, limit=500)) for f in fields]
    column = min(_LABEL, max(len(name) for name, _ in named) + 2)
    lines = []
    for name, value in named:
        label = text.fit(name, column) if len(name) < column else name + "\n" + " " * column
        lines.append(_hanging(label, value, column, width))
    return lines


def _hanging(label: str, value: str, column: int, width: int) -> Content:
    """A label and its value, whose further lines begin under the first."""
    room = max(8, width - column)
    wrapped = Content(value).wrap(room)
    indent = Content("\n" + " " * column)
    return Content.assemble((label, "$quiet"), indent.join(wrapped))


def _mood(moods: Sequence[Mood], posts: int, width: int, zone: tzinfo | None) -> list[Content]:
    count = Content.styled(f"{posts} post{'' if posts == 1 else 's'} so far", "$quiet")
    if not moods:
        return [count]
    shown = moods[-min(width, 30) :]
    bars = Content("").join([_bar(mood) for mood in shown])
    lines = [Content.assemble(bars, ("  high is friendly", "$quiet"))]
    if len(shown) > 1 and (first := day(shown[0].at, zone)) != (last := day(shown[-1].at, zone)):
        lines.append(Content.styled(f"{first} – {last}", "$quiet"))
    return [*lines, count]


def _bar(mood: Mood) -> Content:
    """The taller the friendlier, so that it reads without its colour."""
    score = mood.positive - mood.negative
    height = min(len(_BARS) - 1, max(0, int((score + 1) / 2 * len(_BARS))))
    style = "$error" if score < -0.3 else "$success" if score > 0.3 else "$quiet"
    return Content.styled(_BARS[height], style)


def _cases(cases: Sequence[Case], shown: Case, width: int, zone: tzinfo | None) -> list[Content]:
    lines = []
    for case in cases[:_MOST_CASES]:
        here = case.id == shown.id
        style = "$quiet" if case.state in CLOSED else ""
        mark = "▸" if here else " "
        severity = "" if case.severity is Severity.NORMAL else f" · {case.severity.word}"
        words = f"{mark} {case.id} {case.state} · {day(case.opened_at, zone)}{severity}"
        lines.append(Content.styled(text.fit(words, width).rstrip(), "bold" if here else style))
    if len(cases) > _MOST_CASES:
        lines.append(Content.styled(f"  and {len(cases) - _MOST_CASES} older ones", "$quiet"))
    return lines
