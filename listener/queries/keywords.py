"""Listening queries for platforms that know only single words, phrases and hashtags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from desk.model.query import And, From, Handle, Hashtag, Near, Not, Or, Phrase, Prefix, Query, Word
from listener.queries.parts import no_search, spellings


def to_mastodon(query: Query) -> tuple[str, ...]:
    """Hashtags to follow (`#tag`) and searches (words, `"phrases"`, `from:` and `@` handles).

    Every post that matches has at least one of them. Raises QueryError where a post could match without.
    """

    def terms(part: Query) -> Sequence[str] | None:
        match part:
            case Word(text):
                return [str(Word(spelling)) for spelling in spellings(text)]
            case Phrase(text):
                return [str(Phrase(spelling)) for spelling in spellings(text)]
            case Hashtag(text, prefix=False):
                return [f"#{spelling}" for spelling in spellings(text)]
            case Handle(prefix=False) | From():
                return [str(part)]
        return None

    return _cover(query, terms, "Mastodon")


def to_searches(query: Query, platform: str) -> tuple[str, ...]:
    """Words and "phrases" for platforms that search for nothing else.

    Every post that matches has at least one of them. Raises QueryError where a post could match without.
    """

    def terms(part: Query) -> Sequence[str] | None:
        match part:
            case Word(text) | Hashtag(text, prefix=False) | Handle(text, prefix=False):
                return [str(Word(spelling)) for spelling in spellings(text)]
            case Phrase(text):
                return [str(Phrase(spelling)) for spelling in spellings(text)]
        return None

    return _cover(query, terms, platform)


def to_bluesky_keywords(query: Query) -> tuple[str, ...]:
    """Folded words for a filter over Jetstream: every post that matches holds one of them in `fold(text)`.

    They are looked for anywhere in the folded text, inside other words as well: a cheap first sieve. Raises
    QueryError where a post could match without any of them.
    """

    def terms(part: Query) -> Sequence[str] | None:
        match part:
            case Word() | Prefix() | Hashtag() | Handle():
                return [part.key]
            case Phrase():
                return [max(part.keys, key=len)]
        return None

    return _cover(query, terms, "Bluesky's stream")


def _cover(query: Query, terms: Callable[[Query], Sequence[str] | None], platform: str) -> tuple[str, ...]:
    """Terms of which every match has at least one. Of a conjunction one part is enough: the rarest."""

    def best(covers: Iterable[Sequence[str] | None]) -> Sequence[str] | None:
        usable = [cover for cover in covers if cover is not None]
        return min(usable, key=lambda cover: (len(cover), -min(map(len, cover))), default=None)

    def all_together(covers: Iterable[Sequence[str] | None]) -> Sequence[str] | None:
        every: list[str] = []
        for cover in covers:
            if cover is None:
                return None
            every.extend(cover)
        return every

    def positive(part: Query) -> Sequence[str] | None:
        match part:
            case And(parts):
                return best(map(positive, parts))
            case Near(left, right):
                return best(map(positive, (left, right)))
            case Or(parts):
                return all_together(map(positive, parts))
            case Not(inner):
                return negative(inner)
        return terms(part)

    def negative(part: Query) -> Sequence[str] | None:
        match part:
            case And(parts):
                return all_together(map(negative, parts))
            case Or(parts):
                return best(map(negative, parts))
            case Not(inner):
                return positive(inner)
        return None

    cover = positive(query)
    if cover is None:
        raise no_search(query, platform, lambda part: positive(part) is not None)
    return tuple(dict.fromkeys(cover))
