"""Charts as SVG: pure functions from figures to mark-up. Colours are classes, so the page's scheme rules.

Every chart has a title and a description for those who do not see it; its page has the same figures as a
table. Whatever comes from outside passes through `Markup.format`, which escapes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from answerback.rendering import words
from desk.model.report import Durations

WIDTH = 760
"""Units of every chart's view box, near to pixels on a desk's screen."""
_LABEL_WIDTH = 168
_LABEL_CELLS = 23
_ROW = 30
_TICK_WIDTH = 74
"""Room for "30 Mar 2026"."""

_TICKS_SECONDS = (60, 300, 900, 3_600, 14_400, 86_400, 604_800, 2_592_000, 31_536_000)
_TICK_WORDS = ("1 min", "5 min", "15 min", "1 h", "4 h", "1 d", "7 d", "30 d", "1 y")


@dataclass(frozen=True, slots=True)
class Column:
    """One step of time."""

    label: str
    opened: int
    answered: int


@dataclass(frozen=True, slots=True)
class Wait:
    """One row of a comparison of waits."""

    label: str
    durations: Durations


@dataclass(frozen=True, slots=True)
class Share:
    """One whole and its parts: what went well, what did not, and what is not decided."""

    label: str
    good: int
    bad: int
    open: int = 0
    said: str = ""
    """What stands at the bar's end."""

    @property
    def whole(self) -> int:
        return self.good + self.bad + self.open


def columns(name: str, title: str, data: Sequence[Column]) -> Markup:
    """Cases opened as columns, the answered part of each filled."""
    left, top, height = 40, 12, 170
    plot = WIDTH - left - 4
    step = nice_step(max((column.opened for column in data), default=1))
    most = step * max(1, math.ceil(max((column.opened for column in data), default=1) / step))
    parts: list[Markup] = []
    for value in range(0, most + 1, step):
        y = top + height * (1 - value / most)
        parts.append(_line("grid", left, y, WIDTH - 4, y))
        parts.append(_text("tick end", left - 8, y + 4, f"{value:,}"))
    pitch = plot / max(1, len(data))
    width = min(40.0, pitch * 0.72)
    every = max(1, math.ceil(len(data) * _TICK_WIDTH / plot))
    for index, column in enumerate(data):
        x = left + pitch * index + (pitch - width) / 2
        opened, answered = (height * n / most for n in (column.opened, column.answered))
        base = top + height
        parts.append(_box("bad soft", x, base - opened, width, opened - answered))
        parts.append(_box("good", x, base - answered, width, answered))
        if index % every == 0:
            parts.append(_text("tick mid", left + pitch * (index + 0.5), base + 18, column.label))
    parts.append(_line("axis", left, top + height, WIDTH - 4, top + height))
    opened_all, answered_all = sum(c.opened for c in data), sum(c.answered for c in data)
    said = f"{opened_all:,} opened, {answered_all:,} of them answered, in {len(data)} steps of time."
    return _svg(name, title, said, top + height + 26, parts)


def waits(name: str, title: str, data: Sequence[Wait]) -> Markup:
    """Quartiles as a box with the median marked, a line on to the 90th percentile; a logarithmic axis."""
    known = [wait.durations for wait in data if wait.durations.n]
    lowest = min((d.p25 or 0 for d in known), default=60.0)
    highest = max((d.p90 or 0 for d in known), default=3_600.0)
    first, last = axis(lowest, highest)
    left, right, top = _LABEL_WIDTH, 92, 6
    plot = WIDTH - left - right
    bottom = top + _ROW * len(data)
    low, high = math.log(_TICKS_SECONDS[first]), math.log(_TICKS_SECONDS[last])

    def at(seconds: float | None) -> float:
        inside = min(max(seconds or 0.0, _TICKS_SECONDS[first]), _TICKS_SECONDS[last])
        return left + plot * (math.log(inside) - low) / (high - low)

    parts: list[Markup] = []
    for index in range(first, last + 1):
        x = at(_TICKS_SECONDS[index])
        parts.append(_line("grid", x, top, x, bottom))
        parts.append(_text("tick mid", x, bottom + 16, _TICK_WORDS[index]))
    for row, wait in enumerate(data):
        y = top + _ROW * row + _ROW / 2
        d = wait.durations
        parts.append(_label(y, wait.label))
        if not d.n:
            parts.append(_text("tick", left + 6, y + 4, "no answer yet"))
            continue
        start, box_end, end = at(d.p25), at(d.p75), at(d.p90)
        parts.append(_line("whisker", box_end, y, end, y))
        parts.append(_line("whisker", end, y - 5, end, y + 5))
        parts.append(_box("box", start, y - 8, max(2.0, box_end - start), 16))
        parts.append(_line("median", at(d.p50), y - 11, at(d.p50), y + 11))
        parts.append(_text("value end", WIDTH - 2, y + 4, words.duration(d.p50)))
    said = "; ".join(f"{wait.label}: median {words.duration(wait.durations.p50)}" for wait in data)
    return _svg(name, title, said, bottom + 24, parts)


def shares(name: str, title: str, data: Sequence[Share]) -> Markup:
    """Wholes of equal length, split into good, bad and undecided, with the counts inside where they fit."""
    left, right, top = _LABEL_WIDTH, 92, 4
    plot = WIDTH - left - right
    parts: list[Markup] = []
    for row, share in enumerate(data):
        y = top + _ROW * row + _ROW / 2
        parts.append(_label(y, share.label))
        if not share.whole:
            parts.append(_box("track", left, y - 8, plot, 16))
        x = float(left)
        for kind, number in (("good", share.good), ("bad", share.bad), ("open", share.open)):
            width = plot * number / share.whole if share.whole else 0.0
            # A hairline between the parts, so that colour is not all that tells them apart.
            parts.append(_box(kind, x, y - 9, max(0.0, width - 1), 18))
            if width > 9 * len(f"{number:,}") + 8:
                parts.append(_text(f"on-{kind} mid", x + width / 2, y + 4, f"{number:,}"))
            x += width
        parts.append(_text("value end", WIDTH - 2, y + 4, share.said))
    said = "; ".join(
        f"{s.label}: {s.good:,} and {s.bad:,}" + (f", {s.open:,} undecided" if s.open else "") for s in data
    )
    return _svg(name, title, said, top + _ROW * len(data) + 4, parts)


def nice_step(most: int) -> int:
    """A round distance of grid lines, so that there are two to five of them."""
    raw = max(1.0, most / 4)
    power = 10 ** math.floor(math.log10(raw))
    return int(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw))


def axis(lowest: float, highest: float) -> tuple[int, int]:
    """Positions of the first and the last tick that hold all values between them; at least three apart."""
    last_index = len(_TICKS_SECONDS) - 1
    first = max((i for i, tick in enumerate(_TICKS_SECONDS) if tick <= lowest), default=0)
    last = min((i for i, tick in enumerate(_TICKS_SECONDS) if tick >= highest), default=last_index)
    first = min(first, last_index - 3)
    return first, max(last, first + 3)


def _svg(name: str, title: str, said: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}</svg>'
    ).format(WIDTH, round(height), name, name, name, title, name, said, Markup("").join(parts))


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def _box(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    if width <= 0 or height <= 0:
        return Markup("")
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(kind, x, y, text)


def _label(y: float, label: str) -> Markup:
    return _text("label", 0, y + 4, words.short(label, _LABEL_CELLS))
