"""What a mail says: its new words, without the history that mail programs put below. Pure, and linear.

History is cut only where a mail answers another one, and only by signs that hold in every language: quoted
lines, the line above them that says who wrote, the rule or the block of fields that programs put there. Where
nothing would be left, nothing is cut: somebody who writes inside a quotation is read whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from listener.html import text_of_html
from listener.platforms.email.mime import Part
from listener.text import mend, one_line

TEXT_LIMIT = 50_000
"""Characters; about twenty printed pages."""
_READ_LIMIT = 10 * TEXT_LIMIT
"""Characters that are searched for new words."""
_ATTACHMENTS_LIMIT = 20
_HTML_LIMIT = 1_000_000
_SIGNATURE = "-- "
"""The line above a signature (RFC 3676, section 4.3); without its space it may be anything."""
_SIGNATURE_LINES = 15

_UNSEEN = re.compile(r"<(style|script|head|title)\b", re.IGNORECASE)
_CELL = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_ROW = re.compile(r"</tr\s*>|<hr\b[^<>]{0,200}>", re.IGNORECASE)
_HTML_HISTORY = re.compile(
    r"<(?:div|blockquote|section|table)\b[^<>]{0,300}?"
    r"(?:gmail_quote|yahoo_quoted|protonmail_quote|zmail_extra|divRplyFwdMsg|appendonsend|moz-cite-prefix"
    r"|mail-editor-reference-message|type=[\"']?cite)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[ \t]{0,4}[>|]")
_RULE = re.compile(r"\s{0,4}(?:-{2,20}\s?[^\s-][^\n]{0,60}[^\s-]\s?-{2,20}|_{20,200})\s*")
_FIELD = re.compile(r"\s{0,4}\*?([^\W\d_][^:\n]{0,24}?)\s?:\*?\s{0,4}\S")
_SENDER_FIELDS = frozenset(
    [
        "from",
        "von",
        "de",
        "da",
        "od",
        "van",
        "fra",
        "från",
        "lähettäjä",
        "kimden",
        "от",
        "от",
        "кого",
        "від",
        "feladó",
        "expéditeur",
        "mittente",
        "remitente",
        "发件人",
        "差出人",
    ]
) | {"от кого", "gönderen"}
_OTHER_FIELDS = frozenset(
    [
        "sent",
        "date",
        "to",
        "subject",
        "cc",
        "gesendet",
        "datum",
        "an",
        "betreff",
        "envoyé",
        "à",
        "objet",
        "enviado",
        "para",
        "asunto",
        "assunto",
        "data",
        "inviato",
        "a",
        "oggetto",
        "gönderildi",
        "tarih",
        "kime",
        "konu",
        "bilgi",
        "отправлено",
        "дата",
        "кому",
        "тема",
        "копия",
        "надіслано",
        "verzonden",
        "aan",
        "onderwerp",
        "wysłano",
        "do",
        "temat",
        "发送时间",
        "收件人",
        "主题",
        "送信日時",
        "宛先",
        "件名",
    ]
)
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|ilt|vs|pd|пересл?|转发)\s*:", re.IGNORECASE)
_ANSWERED = re.compile(
    r"\s*(?:(?:re|aw|antw|sv|vs|odp|ynt|rif|res|ref|отв|回复|返信)\s*(?:\[\d+\]|\(\d+\))?\s*:\s*)+",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def bare_subject(subject: str) -> str:
    """Without the "Re:" in front, in any language that is known."""
    return _ANSWERED.sub("", subject, count=1).strip()


def is_forwarded(subject: str) -> bool:
    return _FORWARDED.match(subject) is not None


def text_of(parts: Sequence[Part], *, is_answer: bool) -> str:
    """The words of a mail's parts; in an answer, the new ones. Empty where it has none."""
    texts: list[str] = []
    for shown in _chosen(parts):
        text = _html(shown.text(), is_answer=is_answer) if shown.kind == "text/html" else shown.text()
        texts.append(_plain(text))
    text = "\n\n".join(text for text in texts if text)
    if is_answer:
        text = without_history(text)
    text = _without_signature(text)
    if len(text) > TEXT_LIMIT:
        text = f"{text[:TEXT_LIMIT].rstrip()}\n[cut: {len(text) - TEXT_LIMIT:,} more characters]"
    return text


def attachments_of(parts: Iterable[Part]) -> tuple[str, ...]:
    """What is attached, one line each; pictures that belong to the layout are none."""
    names = []
    for part in parts:
        if part.kind in _SHOWN and not part.is_attached:
            continue
        if not part.is_attached and (part.fields.first("content-id") or part.kind in _NEVER_NAMED):
            continue
        names.append(f"[attachment: {one_line(part.name, 100) or one_line(part.kind, 60)}]")
    more = len(names) - _ATTACHMENTS_LIMIT
    return (*names[:_ATTACHMENTS_LIMIT], *((f"[{more} more attachments]",) if more > 0 else ()))


_SHOWN = frozenset({"text/plain", "text/html"})
_NEVER_NAMED = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "message/delivery-status"}
)


def _chosen(parts: Sequence[Part]) -> list[Part]:
    """The parts to read: of alternatives the plain one that says something, or else the HTML."""
    shown = [part for part in parts if part.kind in _SHOWN and not part.is_attached]
    plain = {part.alternative for part in shown if part.kind == "text/plain" and part.content.strip()}
    chosen: list[Part] = []
    taken: set[int] = set()
    for part in shown:
        if part.alternative is not None and part.kind == "text/html":
            if part.alternative in plain | taken:
                continue
            taken.add(part.alternative)
        chosen.append(part)
    return chosen


def _html(html: str, *, is_answer: bool) -> str:
    html = _without_unseen(html[:_HTML_LIMIT])
    if is_answer:
        found = _HTML_HISTORY.search(html)
        if found is not None:
            above = _html_text(html[: found.start()])
            if above:
                return above
    return _html_text(html)


def _html_text(html: str) -> str:
    return text_of_html(_ROW.sub("<br>", _CELL.sub(" ", html))).strip()


def _without_unseen(html: str) -> str:
    """Without styles and the like, which fill most of a mail and would use up what is read."""
    kept: list[str] = []
    at = 0
    lowered = html.lower()
    while (found := _UNSEEN.search(html, at)) is not None:
        end = lowered.find(f"</{found[1].lower()}", found.end())
        if end < 0:
            break
        kept.append(html[at : found.start()])
        close = html.find(">", end)
        at = len(html) if close < 0 else close + 1
    return "".join((*kept, html[at:]))


def _plain(text: str) -> str:
    text = _CONTROL.sub("", mend(text[:_READ_LIMIT]).replace("\r\n", "\n").replace("\r", "\n"))
    lines = [line if line == _SIGNATURE else line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def without_history(text: str) -> str:
    """The new words of an answer; everything where there would be none."""
    lines = text.split("\n")
    end = next((n for n in range(len(lines)) if _begins_history(lines, n)), len(lines))
    kept: list[str] = []
    for line in lines[:end]:
        if not _QUOTED.match(line):
            kept.append(line)
        elif kept and not (len(kept) >= 2 and kept[-1] == kept[-2] == ""):
            _drop_attribution(kept)
            kept.append("")
    new = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return new or text


def _drop_attribution(kept: list[str]) -> None:
    """Take away "On Monday Ana wrote:" above a quotation: one or two lines, with a colon at their end."""
    at = len(kept)
    while at and not kept[at - 1].strip():
        at -= 1
    if not at or not kept[at - 1].rstrip().endswith((":", "：")):
        return
    begin = at - 1
    joined = kept[begin]
    if not _says_when(joined) and begin and kept[begin - 1].strip():
        begin -= 1
        joined = f"{kept[begin]} {joined}"
    if _says_when(joined) and len(joined) <= 300:
        del kept[begin:]


def _says_when(line: str) -> bool:
    return "@" in line or re.search(r"\d", line) is not None


def _begins_history(lines: Sequence[str], at: int) -> bool:
    """Whether the history begins here: "---- Original Message ----", or the fields of the mail answered."""
    line = lines[at]
    if _RULE.fullmatch(line):
        return _is_field_block(lines, at + 1)
    return (at == 0 or not lines[at - 1].strip()) and _is_field_block(lines, at)


def _is_field_block(lines: Sequence[str], at: int) -> bool:
    names: list[str] = []
    for line in lines[at : at + 8]:
        if not line.strip() and not names:
            continue
        found = _FIELD.match(line)
        if found is None:
            break
        names.append(found[1].strip().strip("*").lower())
    others = sum(name in _OTHER_FIELDS for name in names)
    return bool(names) and names[0] in _SENDER_FIELDS and others >= 2


def _without_signature(text: str) -> str:
    lines = text.split("\n")
    for at in range(len(lines) - 1, max(-1, len(lines) - 2 - _SIGNATURE_LINES), -1):
        if lines[at] == _SIGNATURE and any(line.strip() for line in lines[:at]):
            return "\n".join(lines[:at]).strip()
    return text.strip()
