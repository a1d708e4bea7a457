"""One line of a replay file, checked and turned into a mention."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.model.mention import Author, Mention, Replyable
from listener.text import language_of, mend, moment_of, web_address

TEXT_LIMIT = 100_000
"""Characters of a post's text. No platform allows as many; what is longer is no post."""
_ID_LIMIT = 500
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""A source's key stands before the colon of a mention's id, so it can hold none."""
_ABSENT = object()


class RecordError(ValueError):
    """The line is no post; the message says why. Turned into a BadRecord by whoever reads the file."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scripted customer writes back after the first reply."""

    after_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    mention: Mention
    """With the file's own time; `received_at` is the moment of reading."""
    answers: tuple[Answer, ...] = ()


def parse_record(line: bytes, received_at: datetime) -> Record:
    """Read one JSON object. Raises RecordError naming the field that is wrong."""
    data = _object(line)
    source = _text(data, "source")
    if not _KEY.fullmatch(source):
        raise RecordError('"source" must be 1 to 40 letters, digits, dots, dashes or underscores')
    external_id = _id(data, "id")
    in_reply_to = _id(data, "in_reply_to", default="") or None
    text = _text(data, "text", empty=True)
    if len(text) > TEXT_LIMIT:
        raise RecordError(f'"text" has {len(text):,} characters; the limit is {TEXT_LIMIT:,}')
    language = _text(data, "lang", default="")
    return Record(
        Mention(
            source=source,
            external_id=external_id,
            conversation_id=_id(data, "conversation_id", default="") or in_reply_to or external_id,
            in_reply_to=in_reply_to,
            brand=mend(_text(data, "brand")),
            author=_author(data),
            from_brand=_flag(data, "from_brand", default=False),
            created_at=_time(data, "created_at"),
            received_at=received_at,
            text=mend(text),
            language=language_of(language),
            url=web_address(_text(data, "url", default="")),
            replyable=Replyable(
                allowed=_flag(data, "replyable", default=True),
                reason=mend(_text(data, "replyable_reason", default="")),
            ),
            automatic=_flag(data, "automatic", default=False),
            private=_flag(data, "private", default=False),
        ),
        answers=_answers(data),
    )


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise RecordError("nested too deeply") from error
    except ValueError as error:
        raise RecordError(f"not JSON ({error})") from error
    if not isinstance(data, dict):
        raise RecordError("not a JSON object")
    return data


def _value(data: Mapping[str, Any], field: str, default: object) -> Any:
    """A field's value; null counts as absent."""
    value = data.get(field)
    if value is not None:
        return value
    if default is _ABSENT:
        raise RecordError(f'"{field}" is missing')
    return default


def _text(data: Mapping[str, Any], field: str, *, default: object = _ABSENT, empty: bool = False) -> str:
    value = _value(data, field, default)
    if not isinstance(value, str):
        raise RecordError(f'"{field}" must be text')
    if not value and default is _ABSENT and not empty:
        raise RecordError(f'"{field}" is empty')
    return value


def _id(data: Mapping[str, Any], field: str, *, default: object = _ABSENT) -> str:
    value = _text(data, field, default=default)
    # Half a surrogate pair cannot be stored, and mending an id would make it another one.
    if len(value) > _ID_LIMIT or not value.isprintable():
        raise RecordError(f'"{field}" is no id: over {_ID_LIMIT} characters, or unprintable ones')
    return value


def _flag(data: Mapping[str, Any], field: str, *, default: bool) -> bool:
    value = _value(data, field, default)
    if not isinstance(value, bool):
        raise RecordError(f'"{field}" must be true or false')
    return value


def _time(data: Mapping[str, Any], field: str) -> datetime:
    value = _text(data, field)
    try:
        return moment_of(value)
    except ValueError as error:
        raise RecordError(f'"{field}" {error}') from error


def _author(data: Mapping[str, Any]) -> Author:
    value = _value(data, "author", _ABSENT)
    if not isinstance(value, dict):
        raise RecordError('"author" must be an object')
    try:
        external_id = _id(value, "id")
        handle, name = _text(value, "handle"), _text(value, "name", default="")
    except RecordError as error:
        raise RecordError(f"author: {error}") from error
    return Author(external_id, mend(handle), mend(name))


def _answers(data: Mapping[str, Any]) -> tuple[Answer, ...]:
    value = _value(data, "answers", ())
    if not isinstance(value, (list, tuple)):
        raise RecordError('"answers" must be a list')
    answers = []
    for entry in value:
        if not isinstance(entry, dict):
            raise RecordError('"answers" must hold objects')
        after = entry.get("after_seconds")
        if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= 1e9:
            raise RecordError('"after_seconds" must be a number of seconds from 0')
        if not math.isfinite(after):
            raise RecordError('"after_seconds" must be finite')
        text = _text(entry, "text", empty=True)
        if len(text) > TEXT_LIMIT:
            raise RecordError(f"an answer is longer than {TEXT_LIMIT:,} characters")
        answers.append(Answer(float(after), mend(text)))
    return tuple(answers)
