"""Listening queries in the words of X's search.

What is said of it is from X's pages "Build a query" and "Operators" (X API v2, 2026): operators stand side by
side for AND, AND binds closer than OR, groups are not negated, negations and lang: do not stand alone, case
and accents do not matter. It does not say whether ı is i there or ß is ss; a term that is typed with such a
letter is therefore asked for in both spellings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import regex

from desk.model.query import (
    And,
    From,
    Handle,
    Hashtag,
    Lang,
    Near,
    Not,
    Or,
    Phrase,
    Query,
    QueryError,
    Word,
)
from listener.queries.parts import no_search, shortened, spellings

_X_HANDLE = regex.compile(r"[A-Za-z0-9_]{1,15}")
_X_BARE = regex.compile(r"[\p{L}\p{M}\p{Nd}]++")
_X_RESERVED = frozenset({"and", "or", "not", "near"})
_X_NOT_PLAIN = regex.compile(r"[^\p{L}\p{M}\p{N}\s'’.,&/-]")
"""What a quoted phrase goes without: to X it is white space or an operator's sign."""
_X_ISO_CODES = (
    "am ar bg bn bo bs ca cs cy da de dv el en es et eu fa fi fr gu he hi hr ht hu hy id is it ja ka km kn "
    "ko lo lt lv ml mr my ne nl no or pa pl ps pt ro ru sd si sk sl sr sv ta te th tl tr ug uk ur vi zh"
)
_X_LANGUAGES = frozenset(_X_ISO_CODES.split())
_X_CODES = {"he": ("iw",), "id": ("in",), "hi": ("hi", "hi-Latn"), "zh": ("zh-CN", "zh-TW")}
"""Where X's codes are not ISO 639-1's, or are several."""


@dataclass(frozen=True, slots=True)
class XSearch:
    """A query for X's search."""

    text: str
    exact: bool
    """What X finds is what the query means. False for any query with words: X finds them in handles and
    links, too. The query must then be asked of every post."""
    widened: tuple[str, ...]
    """The parts that X cannot say, in the listening language: their posts are read (and paid for), and
    dropped here."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    text: str
    stands: bool = True
    """X lets it stand alone; it does not so with negations and `lang:`."""
    exact: bool = True


@dataclass(frozen=True, slots=True)
class _Group:
    """At least two parts, no two alike."""

    either: bool
    """Joined by OR, otherwise by AND."""
    parts: tuple[_Part, ...]


_Part = _Leaf | _Group
"""Where one may be missing, None means: every post."""


def to_x(query: Query, *, limit: int = 512, keep_negated_words: bool = False) -> XSearch:
    """Compile for X's recent search, which takes 512 characters.

    X also looks for words inside handles and links, so `-giveaway` there would lose "refund please
    @giveaway_fan". Negated words are therefore left out; with `keep_negated_words` they stay: fewer posts are
    read, and such a one is lost. Raises QueryError naming the part that X cannot search for, or the longest
    one of a query over the limit.
    """
    compiler = _XCompiler(keep_negated_words)
    part = compiler.positive(query)
    if part is None or not _stands_alone(part):
        raise no_search(query, "X", compiler.can_stand)
    text = _render(part)
    if len(text) > limit:
        raise compiler.too_long(query, len(text), limit)
    widened = tuple(dict.fromkeys(compiler.widened))
    return XSearch(text, exact=not widened and _is_exact(part), widened=widened)


@dataclass(slots=True)
class _XCompiler:
    """Walks the tree with negations pushed down to its leaves; collects what had to be widened."""

    keep_negated_words: bool
    widened: list[str] = field(default_factory=list)

    def positive(self, query: Query) -> _Part | None:
        """What finds at least the posts that match; None for every post."""
        match query:
            case And(parts):
                return _joined(map(self.positive, parts), either=False)
            case Or(parts):
                return self._either(query, parts, self.positive)
            case Not(part):
                return self.negative(part)
            case Near(left, right):
                mark = len(self.widened)
                both = _joined(map(self.positive, (left, right)), either=False)
                return self._widen(query, both, since=mark)
        spoken = self._spoken(query)
        if spoken is None:
            return self._widen(query, None)
        stands, exact = not isinstance(query, Lang), not isinstance(query, Word | Phrase)
        return _joined((_Leaf(text, stands, exact) for text in spoken), either=True)

    def negative(self, query: Query) -> _Part | None:
        """What finds at least the posts that do not match."""
        match query:
            case And(parts):
                return self._either(Not(query), parts, self.negative)
            case Or(parts):
                return _joined(map(self.negative, parts), either=False)
            case Not(part):
                return self.positive(part)
            case Near():
                return self._widen(Not(query), None)
            case Word() | Phrase() if not self.keep_negated_words:
                return self._widen(Not(query), None)
        # Leaving out only a part of what is to be left out is a superset: -#fail for NOT #fail*.
        spoken = self._spoken(query, stem=True)
        if spoken is None:
            return self._widen(Not(query), None)
        exact = not isinstance(query, Word | Phrase) and self._spoken(query) is not None
        left_out = _joined((_Leaf(f"-{text}", stands=False, exact=exact) for text in spoken), either=False)
        return left_out if exact else self._widen(Not(query), left_out)

    def can_stand(self, query: Query) -> bool:
        """Whether X would search for this part by itself."""
        part = _XCompiler(self.keep_negated_words).positive(query)
        return part is not None and _stands_alone(part)

    def too_long(self, query: Query, length: int, limit: int) -> QueryError:
        parts = query.parts if isinstance(query, And | Or) else (query,)
        compiled = {part: _XCompiler(self.keep_negated_words).positive(part) for part in parts}
        lengths = {part: len(_render(found)) for part, found in compiled.items() if found is not None}
        longest = max(lengths, key=lambda part: lengths[part])
        return QueryError(
            f"X takes {limit} characters, and the query has {length:,} there. Its longest part, with "
            f"{lengths[longest]:,}: {shortened(longest)}. Shorten it, or search with several queries."
        )

    def _either(
        self, query: Query, parts: Sequence[Query], compile_part: Callable[[Query], _Part | None]
    ) -> _Part | None:
        """One of the parts. X lets no negation stand alone in it; then, as where one of them is every post,
        all of it is."""
        mark = len(self.widened)
        compiled = [compile_part(part) for part in parts]
        if any(part is None or (_has_negation(part) and not _stands_alone(part)) for part in compiled):
            return self._widen(query, None, since=mark)
        return _joined(compiled, either=True)

    def _widen(self, query: Query, part: _Part | None, *, since: int | None = None) -> _Part | None:
        """Note that `part` stands for more than the query; what was noted inside it goes without saying."""
        if since is not None:
            del self.widened[since:]
        self.widened.append(str(query))
        return part

    def _spoken(self, query: Query, *, stem: bool = False) -> Sequence[str] | None:
        """A leaf in X's words, in as many spellings as need be; None where X has no words for it."""
        match query:
            case Word(text) | Phrase(text):
                return [_x_text(spelling) for spelling in spellings(text)]
            case Hashtag(text, prefix) if stem or not prefix:
                return [f"#{spelling}" for spelling in spellings(text)]
            case Handle(text, prefix) if (stem or not prefix) and _X_HANDLE.fullmatch(text):
                return [f"@{text}"]
            case From(handle) if _X_HANDLE.fullmatch(handle):
                return [f"from:{handle}"]
            case Lang(code) if code in _X_LANGUAGES:
                return [f"lang:{x_code}" for x_code in _X_CODES.get(code, (code,))]
        return None


def _joined(parts: Iterable[_Part | None], *, either: bool) -> _Part | None:
    """The parts joined, flat and without repetitions; what is every post adds nothing to an AND."""
    flat: dict[_Part, None] = {}
    for part in parts:
        if part is None:
            continue
        if isinstance(part, _Group) and part.either is either:
            flat.update(dict.fromkeys(part.parts))
        else:
            flat[part] = None
    if len(flat) <= 1:
        return next(iter(flat), None)
    return _Group(either, tuple(flat))


def _stands_alone(part: _Part) -> bool:
    """Whether whatever X finds by it holds a word, a tag, a handle or an author that was asked for."""
    if isinstance(part, _Leaf):
        return part.stands
    return (all if part.either else any)(map(_stands_alone, part.parts))


def _has_negation(part: _Part) -> bool:
    if isinstance(part, _Leaf):
        return part.text.startswith("-")
    return any(map(_has_negation, part.parts))


def _is_exact(part: _Part) -> bool:
    return part.exact if isinstance(part, _Leaf) else all(map(_is_exact, part.parts))


def _render(part: _Part) -> str:
    if isinstance(part, _Leaf):
        return part.text
    inside = [f"({_render(p)})" if isinstance(p, _Group) else p.text for p in part.parts]
    return (" OR " if part.either else " ").join(inside)


def _x_text(text: str) -> str:
    """A word bare where X takes it so, everything else in quotes; X splits both at punctuation."""
    if _X_BARE.fullmatch(text) and text.lower() not in _X_RESERVED:
        return text
    return f'"{" ".join(_X_NOT_PLAIN.sub(" ", text).split())}"'
