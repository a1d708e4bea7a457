"""The one preprocessing that training and serving share.

The encoder's vocabulary was fitted to texts with handles as `@user`, links as `http` and HTML entities
resolved, so a text that skips this step loses accuracy without any error.
"""

from __future__ import annotations

import hashlib
import html

import regex

MAX_INPUT_CHARS = 4_000
"""What is read of a text. The encoder sees 128 tokens, some 500 characters of English."""

MAX_CHARS = 1_000
"""What is left of a text after cleaning."""

# Only entities that end in a semicolon: `&copy=1` inside a link's query is no copyright sign.
_ENTITY = regex.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Controls, format characters (zero-width and bidirectional marks), lone surrogates, private use.
_INVISIBLE = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}]+")
_SPACE = regex.compile(r"\s+")
_LINK = regex.compile(r"(?:https?\s?:\s?//|\bwww\.)\S+", regex.IGNORECASE)
_EMAIL = regex.compile(r"(?<![\w.+@-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
# @name, @name@instance.social and @name.bsky.social; a leading word character makes it part of a word.
_HANDLE = regex.compile(r"(?<!\w)@\w+(?:\.bsky\.social\b|@[\w.-]*\w)?")
_REDDITOR = regex.compile(r"(?<![\w/])/?u/[\w-]{3,20}\b")
_RUN = regex.compile(r"([^\s\d])\1{3,}")
_CUT_HANDLE = regex.compile(r"@\w*$")
_WORD = regex.compile(r"\p{L}+")
# Letters that look alike, place by place.
_CYRILLIC, _LATIN = "аеорсухіјѕкАВЕКМНОРСТУХІЈЅ", "aeopcyxijskABEKMHOPCTYXIJS"
_ALIKE = (str.maketrans(_CYRILLIC, _LATIN), str.maketrans(_LATIN, _CYRILLIC))
_SCRIPTS = (regex.compile(r"\p{Cyrillic}"), regex.compile(r"\p{Latin}"))

_NOT_WORD = regex.compile(r"[^\p{L}\p{N}]+")
_PLACEHOLDER = regex.compile(r"@user|\bhttp\b|\brt\b", regex.IGNORECASE)


def normalise(text: str) -> str:
    """Return the text as the encoder wants it: at most `MAX_CHARS` characters on one line.

    Entities are resolved; control, zero-width and bidirectional characters go; links become `http`;
    handles and mail addresses become `@user`; four or more of one character in a row become three; a word
    that mixes Latin and Cyrillic letters that look alike is written in one of the two scripts. Emoji stay,
    for they say much. Deterministic and idempotent; cost does not grow beyond `MAX_INPUT_CHARS` characters.
    """
    return _settled(text, one_script=True)


def _settled(text: str, *, one_script: bool) -> str:
    text = text[:MAX_INPUT_CHARS]
    # A removed character can complete an entity or a handle; every round but the last shortens the text, puts
    # a placeholder where none was or parts the scripts of a word, so this ends.
    while (cleaned := _clean(_unmixed(text) if one_script else text)) != text:
        text = cleaned
    return text


def _unmixed(text: str) -> str:
    # Nearly all texts are of one script, and are not looked at word by word.
    if not all(script.search(text) for script in _SCRIPTS):
        return text
    return str(_WORD.sub(_in_one_script, text))


def _in_one_script(found: regex.Match[str]) -> str:
    """Write a mixed word in one script where all its letters have a twin: rather in that of most of them."""
    word = str(found.group())
    cyrillic, latin = (len(script.findall(word)) for script in _SCRIPTS)
    if not (cyrillic and latin):
        return word
    to_latin, to_cyrillic = (word.translate(table) for table in _ALIKE)
    ways = [(to_latin, _SCRIPTS[0]), (to_cyrillic, _SCRIPTS[1])]
    for written, foreign in ways if latin >= cyrillic else reversed(ways):
        if not foreign.search(written):
            return written
    return word


def fingerprint(text: str) -> str:
    """Return a hash that near-identical texts share: letters and digits only, no handles, no links.

    Scripts stay as they are: the splits and the keys of our labels are from before they were sorted out.
    """
    bare = _NOT_WORD.sub(" ", without_placeholders(_settled(text, one_script=False)).casefold()).strip()
    return hashlib.sha256(bare.encode()).hexdigest()


def without_placeholders(text: str) -> str:
    """Return a normalised text less its `@user`, `http` and a leading RT, case kept."""
    return str(_PLACEHOLDER.sub(" ", text))


def _clean(text: str) -> str:
    # A link first: its query may hold what reads as an entity.
    text = _LINK.sub("http", _INVISIBLE.sub(_as_space, text))
    text = _INVISIBLE.sub(_as_space, _ENTITY.sub(lambda found: html.unescape(found.group()), text))
    text = _LINK.sub("http", text)
    text = _REDDITOR.sub("@user", _HANDLE.sub("@user", _EMAIL.sub("@user", text)))
    text = str(_SPACE.sub(" ", _RUN.sub(r"\1\1\1", text))).strip()
    return text if len(text) <= MAX_CHARS else _cut(text)


def _as_space(found: regex.Match[str]) -> str:
    """Line breaks and tabs part words; other invisible characters stand inside them."""
    return " " if any(char.isspace() for char in found.group()) else ""


def _cut(text: str) -> str:
    """Cut to `MAX_CHARS`, at a space where there is one; half a handle would grow back to a whole one."""
    head = text[: MAX_CHARS + 1]
    head = head[: head.rfind(" ")] if " " in head[1:] else head[:MAX_CHARS]
    return str(_CUT_HANDLE.sub("", head)).strip()
