"""Cuts the text of a listening query into tokens, and understands the terms among them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import regex

from desk.model.folding import fold, tidy
from desk.model.query_errors import QuerySyntaxError
from desk.model.query_terms import From, Handle, Hashtag, Lang, Prefix, Query, words_of
from desk.model.query_text import HANDLE, HASHTAG, WORD

MAX_NEAR = 100
_SHORTEST_STEM = 2

_CLOSING = {'"': '"', "＂": '＂"', "“": '”“"', "„": '“”"', "«": '»"'}
"""Opening quotation marks, and what closes each: people paste queries from word processors."""
_MINUS = "-−–—"
_TERM = regex.compile(rf"[^\s()（）{''.join(_CLOSING)}”»]++")
_NEAR = regex.compile(r"(?i)near/(.*)")
_OPERATOR = regex.compile(r"([A-Za-z_]++):(.*)")
_LANGUAGE = regex.compile(r"[a-z]{2}")
_OLD_LANGUAGES = {"in": "id", "iw": "he", "ji": "yi"}
"""ISO 639-1 codes that were replaced and are still written."""


class Kind(Enum):
    OPEN = auto()
    CLOSE = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    NEAR = auto()
    TERM = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    at: int
    """Offset in the query's text."""
    shown: str
    """As typed, for messages."""
    term: Query | None = None
    within: int = 0
    minus: bool = False
    """A NOT written as -, which binds one term or group."""


class Lexer:
    """Cuts the text into tokens; a term is understood here, where its place is known."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def tokens(self) -> list[Token]:
        tokens: list[Token] = []
        while True:
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._at += 1
            if self._at == len(self._text):
                return [*tokens, Token(Kind.END, self._at, "")]
            tokens.append(self._token())

    def _token(self) -> Token:
        at, char = self._at, self._text[self._at]
        if char in "(（":
            self._at += 1
            return Token(Kind.OPEN, at, "(")
        if char in ")）":
            self._at += 1
            return Token(Kind.CLOSE, at, ")")
        if char in _CLOSING:
            return self._phrase(at)
        if char in _MINUS:
            self._at += 1
            if self._at == len(self._text) or self._text[self._at].isspace() or self._text[self._at] in ")）":
                raise self._error(at, "expected a term right after the minus, without a space")
            return Token(Kind.NOT, at, "-", minus=True)
        found = _TERM.match(self._text, self._at)
        if found is None:
            raise self._error(at, f"{char} closes a phrase that was not opened; expected a word")
        self._at = found.end()
        word = str(found[0])
        if word in {"AND", "OR", "NOT"}:
            return Token(Kind[word], at, word)
        near = _NEAR.fullmatch(word)
        if near is not None:
            return Token(Kind.NEAR, at, word, within=self._distance(at, near[1]))
        return Token(Kind.TERM, at, word, self._term(at, word))

    def _error(self, at: int, problem: str) -> QuerySyntaxError:
        return QuerySyntaxError(self._text, at, problem)

    def _phrase(self, at: int) -> Token:
        closing = _CLOSING[self._text[at]]
        end = at + 1
        while end < len(self._text) and self._text[end] not in closing:
            end += 1
        if end == len(self._text):
            raise self._error(at, f"this phrase is never closed; expected {closing[0]}")
        self._at = end + 1
        typed = self._text[at + 1 : end]
        if "*" in typed:
            raise self._error(
                at + 1 + typed.index("*"), "no wildcard inside quotes; expected words, as in late* near/1 fee"
            )
        term = words_of(typed)
        if term is None:
            raise self._error(
                at, "expected words between the quotes; handles and links stand outside of them"
            )
        return Token(Kind.TERM, at, self._text[at : end + 1], term)

    def _distance(self, at: int, typed: str) -> int:
        if typed.isascii() and typed.isdigit() and len(typed) <= 3 and 1 <= int(typed) <= MAX_NEAR:
            return int(typed)
        raise self._error(at + len("near/"), f"expected a number of words from 1 to {MAX_NEAR} after near/")

    def _term(self, at: int, typed: str) -> Query:
        operator = _OPERATOR.fullmatch(typed)
        if operator is not None:
            return self._field(at, operator[1], operator[2])
        text = tidy(typed)
        if text.startswith("#"):
            stem, prefix = self._stem(at, typed, text[1:])
            self._expect(
                HASHTAG, stem, at, "a hashtag of letters, digits and _, with a letter in it, after #"
            )
            return Hashtag(stem, prefix)
        if text.startswith("@"):
            stem, prefix = self._stem(at, typed, text[1:])
            self._expect(HANDLE, stem, at, "a handle after @, as in @fernway or @fernway@example.social")
            return Handle(stem, prefix)
        stem, prefix = self._stem(at, typed, text)
        if prefix:
            self._expect(rf"{WORD}++", stem, at, "one word before *, of letters and digits alone")
            return Prefix(stem)
        term = words_of(text)
        if term is None:
            raise self._error(
                at,
                "expected a word with a letter or a digit in it; links and mail addresses are not searched",
            )
        return term

    def _stem(self, at: int, typed: str, text: str) -> tuple[str, bool]:
        """The text less its trailing wildcard, and whether there was one."""
        if "*" not in text:
            return text, False
        stem = text[:-1]
        if "*" in stem or not text.endswith("*"):
            raise self._error(
                at + typed.find("*"), "a wildcard stands at the end of a word only, as in late*"
            )
        if len(fold(stem)) < _SHORTEST_STEM:
            raise self._error(at, f"expected at least {_SHORTEST_STEM} characters before *")
        return stem, True

    def _field(self, at: int, name: str, typed: str) -> Query:
        value_at = at + len(name) + 1
        value = tidy(typed)
        match name.lower():
            case "from":
                handle = value.removeprefix("@")
                self._expect(HANDLE, handle, value_at, "a handle right after from:, as in from:fernway")
                return From(handle)
            case "lang":
                code = value.lower()
                self._expect(_LANGUAGE.pattern, code, value_at, "a two-letter language code, as in lang:tr")
                return Lang(_OLD_LANGUAGES.get(code, code))
        if typed.startswith("//"):
            raise self._error(at, "links are not searched; expected a word, a phrase, a #tag or a @handle")
        raise self._error(
            at, f"{name}: is not known here; expected from: or lang:. To search for the words, quote them"
        )

    def _expect(self, pattern: str, value: str, at: int, what: str) -> None:
        if regex.fullmatch(pattern, value) is None or not fold(value):
            raise self._error(at, f"expected {what}")
