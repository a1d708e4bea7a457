"""What is wrong with a listening query, said with a caret under the character."""

from __future__ import annotations

import unicodedata

from desk.errors import DeskError

_EXCERPT = 76
"""Characters of a line that an error shows."""


class QueryError(DeskError):
    """A listening query cannot be used; the message says which part, and why."""


class QuerySyntaxError(QueryError):
    """A query cannot be read; the message shows the line with a caret under the character."""

    def __init__(self, text: str, at: int, problem: str) -> None:
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1
        """In characters, from 1."""
        self.problem = problem
        shown, caret = _excerpt(text, at)
        super().__init__(f"line {self.line}, column {self.column}: {problem}\n  {shown}\n  {caret}")


def _excerpt(text: str, at: int) -> tuple[str, str]:
    """The line around an offset, fit for a terminal, and a line with a caret under the character."""
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    first = max(begin, min(at - _EXCERPT // 2, end - _EXCERPT))
    left, right = ("…" if first > begin else ""), ("…" if first + _EXCERPT < end else "")
    shown = [char if char.isprintable() else " " for char in text[first : min(end, first + _EXCERPT)]]
    ahead = len(left) + sum(map(_cells, shown[: at - first]))
    return f"{left}{''.join(shown)}{right}".rstrip(), " " * ahead + "^"


def _cells(char: str) -> int:
    """Columns that a terminal gives a character."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
