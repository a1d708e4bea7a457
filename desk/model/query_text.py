"""A post as listening queries see it: its words in order, its handles and its hashtags.

The rules that decide what counts as a word:

- a word is a run of letters, marks, digits and underscores, folded (`desk.model.folding`); apostrophes and
  hyphens part words, so "iyzico'dan" holds "iyzico", and "coca-cola" the words "coca" and "cola";
- a hashtag is a word of the text as well ("my #fernway parcel" mentions fernway), as one whole word;
- handles, links and mail addresses are no words; each keeps one empty place, so that no phrase reaches
  over it;
- a hashtag or handle must stand where X would recognise one (twitter-text, its published grammar): at the
  beginning of a word, a hashtag with at least one letter, neither glued to another one.

Every pattern is anchored at a boundary and possessive or bounded, so reading is linear in the text's length.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

import regex

from desk.model.folding import fold

WORD = r"[\p{L}\p{M}\p{N}_]"
HANDLE = rf"{WORD}++(?:[.-]{WORD}++)*+(?:@{WORD}++(?:[.-]{WORD}++)*+)?+"
"""`name`, `name.bsky.social` or `name@instance.social`, without the leading @."""
HASHTAG = rf"(?={WORD}*?\p{{L}}){WORD}++"
"""Without the leading #."""

_SURE_ENDINGS = "com|net|org|biz|io|ly|gg|eu|uk|ch|fr|pt|br|ru|tr"
_WORDLIKE_ENDINGS = "co|me|us|it|in|at|de|es|tv|info|shop|store|app|dev"
"""These are words, too ("it is late.it never came"): an address only with a path behind it."""
_TOKEN = regex.compile(
    rf"(?P<mail>(?<![\w.+-])[\w.+-]{{1,64}}+@(?={WORD})[\w.-]{{1,255}}+)"
    r"|(?P<link>https?://\S++|(?<![\w@.-])(?:www\.\S++|(?:[\w-]{1,63}+\.){1,8}"
    rf"(?:(?:{_SURE_ENDINGS})\b(?!\.\w)(?:/\S*+)?|(?:{_WORDLIKE_ENDINGS})/\S++)))"
    rf"|(?<![\w!#$%&*@])@(?P<handle>{HANDLE})(?!@|://)"
    rf"|(?<![{WORD[1:-1]}&])\#(?P<tag>{HASHTAG})(?!\#|://)"
    rf"|(?P<word>{WORD}++)"
)
_PUNCTUATION = ".,!?:;\"'()…“”’"
"""Around a word it changes nothing."""
_FIRST_LABEL = regex.compile(rf"{WORD}++")


@dataclass(frozen=True, slots=True)
class PostText:
    """What a post says, ready to be asked many questions."""

    words: tuple[str, ...]
    """Folded, in order; an empty string stands for a handle, link or mail address."""
    vocabulary: Set[str]
    """The same words as a set, without the empty one."""
    handles: Set[str]
    """Folded, without @. `@name.bsky.social` is there in full and as `name`; `@name@server` in full only."""
    hashtags: Set[str]
    """Folded, without #."""


@lru_cache(maxsize=64)
def read_post(text: str) -> PostText:
    """Take a text apart. The latest texts are kept, because every brand's query asks about the same post."""
    words: list[str] = []
    handles: set[str] = set()
    hashtags: set[str] = set()
    # No token holds white space, so each piece can be read by itself; most are one plain word.
    for piece in fold(text).split():
        plain = piece.strip(_PUNCTUATION)
        if plain.isalnum():
            words.append(plain)
            continue
        for found in _TOKEN.finditer(piece):
            kind, token = found.lastgroup, found[found.lastgroup]
            if kind == "word":
                words.append(token)
            elif kind == "tag":
                hashtags.add(token)
                words.append(token)
            else:
                if kind == "handle":
                    handles.add(token)
                    if "@" not in token:
                        handles.add(_FIRST_LABEL.match(token)[0])
                words.append("")
    return PostText(tuple(words), frozenset(words) - {""}, frozenset(handles), frozenset(hashtags))
