"""An alert as words: safe in any chat, and short enough for each."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from desk.model.alert import AlertKind, CaseNotice, Notice, SourceNotice
from listener.text import one_line

_HEADLINES = {
    AlertKind.BREACH_AHEAD: "Due soon",
    AlertKind.BREACH: "Overdue",
    AlertKind.URGENT: "Urgent complaint",
    AlertKind.SOURCE_SILENT: "Source silent",
}
_LOOKALIKES = str.maketrans(
    {
        "<": "‹",  # <!channel>, <@U123>, <http://…|label>, HTML
        ">": "›",
        "&": "＆",  # an entity would be turned back into what was taken out
        "`": "ˋ",
        "*": "∗",
        "~": "∼",
        "|": "ǀ",
        "[": "［",
        "]": "］",
        "\\": "＼",
    }
)
"""Signs that some chat reads as mark-up, and ones that look alike and are none.

Escaping would need to know the chat, and would show its backslashes in all the others."""
_AT = re.compile(r"@(?=\w)")
_UNDERSCORES = re.compile(r"(?<!\w)_+|_+(?!\w)|__+")
_SCHEME = re.compile(r"\b([a-z][a-z0-9+.-]{1,15}:(?=//)|(?:mailto|tel|sms|tg):)", re.IGNORECASE)
_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_]{2,})")
_BLOCK_START = re.compile(r"^(?=(?:[#+-]|\d+\.)(?:\s|$|#))")
_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#%=&+@-]{1,300}")
_HANDLE_LIMIT, _WORD_LIMIT, _EXCERPT_LIMIT = 60, 40, 280


def quote(text: str, limit: int) -> str:
    """Outside words on one line: no ping, no live link, no mark-up, whatever chat shows them."""
    line = one_line(text, limit).translate(_LOOKALIKES)
    line = _AT.sub("@\u2060", line)
    line = _UNDERSCORES.sub(lambda found: "＿" * len(found[0]), line)
    line = _SCHEME.sub(lambda found: found[1].replace("tt", "xx", 1)[:-1] + "[:]", line)
    return _BLOCK_START.sub("\u2060", _DOT.sub("[.]", line))


def headline(notice: Notice) -> str:
    """One line: what, which case and whose, or which source."""
    if isinstance(notice, SourceNotice):
        return f"{_HEADLINES[notice.kind]}: {quote(notice.source, _WORD_LIMIT)}"
    where = f"{quote(notice.brand, _WORD_LIMIT)}, {quote(notice.source, _WORD_LIMIT)}"
    return f"{_HEADLINES[notice.kind]}: case {int(notice.case_id)} ({where})"


def body(notice: Notice, limit: int) -> str:
    """The details, most needed first, in at most `limit` characters."""
    lines = _of_source(notice) if isinstance(notice, SourceNotice) else _of_case(notice)
    text = "\n".join(lines)
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def _of_source(notice: SourceNotice) -> list[str]:
    heard = f"Last success {_clock(notice.last_success_at)}" if notice.last_success_at else "Never succeeded"
    said = [f"{heard}. Posts may be waiting unseen."]
    if notice.error:
        said.append(quote(notice.error, _EXCERPT_LIMIT))
    if notice.permanent:
        said.append("It will not come back by itself: see answerback doctor.")
    return said


def _of_case(notice: CaseNotice) -> list[str]:
    lines = [
        f"{quote(notice.severity, _WORD_LIMIT)}, {quote(notice.state, _WORD_LIMIT)}, "
        + (f"with {quote(notice.assignee, _WORD_LIMIT)}" if notice.assignee else "nobody's yet"),
        f"Due {_clock(notice.due_at)}" if notice.due_at else "No due time",
        f"{quote(notice.customer, _HANDLE_LIMIT)}: {_said(notice)}",
    ]
    if notice.url and _PLAIN_ADDRESS.fullmatch(notice.url):
        # The way to the post stays live. Some chats ping on an @ even inside an address.
        lines.append(notice.url.replace("@", "%40").replace("~", "%7E"))
    return lines


def _said(notice: CaseNotice) -> str:
    return "(private message)" if notice.private else quote(notice.excerpt, _EXCERPT_LIMIT)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
