"""The parts of a listening query: a frozen tree that prints itself and tells whether a post matches."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import regex

from desk.model.folding import fold, tidy
from desk.model.query_text import WORD, PostText, read_post

Span = tuple[int, int]
"""First and last place of a find among a post's words."""

_BARE = regex.compile(rf"{WORD}++")
_CORE = regex.compile(rf"{WORD}(?:.*{WORD})?", regex.DOTALL)
_KEYWORDS = frozenset({"AND", "OR", "NOT"})


@dataclass(frozen=True, slots=True)
class Post:
    """One post, taken apart once and asked by any number of queries."""

    text: PostText
    handle: str
    """Of the author, folded, without @."""
    language: str | None

    @classmethod
    def of(cls, text: str, handle: str = "", language: str | None = None) -> Post:
        return cls(read_post(text), handle_key(handle), language.lower() if language else None)


class Query:
    """Base of all parts. `str(query)` is its canonical text, which parses to an equal tree."""

    __slots__ = ()

    def holds(self, post: Post) -> bool:
        """Whether the post matches."""
        raise NotImplementedError

    def finds(self, post: Post) -> Sequence[Span]:
        """Where it stands in the post, in order; only for what `near/n` can join."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Word(Query):
    """One word, whole."""

    text: str
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fold(self.text))

    def __str__(self) -> str:
        bare = _BARE.fullmatch(self.text) is not None and self.text not in _KEYWORDS
        return self.text if bare else f'"{self.text}"'

    def holds(self, post: Post) -> bool:
        return self.key in post.text.vocabulary

    def finds(self, post: Post) -> Sequence[Span]:
        return [(place, place) for place, word in enumerate(post.text.words) if word == self.key]


@dataclass(frozen=True, slots=True)
class Phrase(Query):
    """Words that stand side by side in this order, whatever punctuation is between them."""

    text: str
    keys: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", read_post(self.text).words)

    def __str__(self) -> str:
        return f'"{self.text}"'

    def holds(self, post: Post) -> bool:
        return all(key in post.text.vocabulary for key in self.keys) and bool(self.finds(post))

    def finds(self, post: Post) -> Sequence[Span]:
        words, keys, last = post.text.words, self.keys, len(self.keys) - 1
        return [
            (place, place + last)
            for place, word in enumerate(words)
            if word == keys[0] and words[place : place + last + 1] == keys
        ]


@dataclass(frozen=True, slots=True)
class Prefix(Query):
    """Any word that begins so: `late*`."""

    text: str
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fold(self.text))

    def __str__(self) -> str:
        return f"{self.text}*"

    def holds(self, post: Post) -> bool:
        return any(word.startswith(self.key) for word in post.text.vocabulary)

    def finds(self, post: Post) -> Sequence[Span]:
        return [(place, place) for place, word in enumerate(post.text.words) if word.startswith(self.key)]


@dataclass(frozen=True, slots=True)
class Hashtag(Query):
    """A hashtag: `#fail`, or any that begins so: `#fail*`."""

    text: str
    prefix: bool = False
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fold(self.text))

    def __str__(self) -> str:
        return f"#{self.text}{'*' if self.prefix else ''}"

    def holds(self, post: Post) -> bool:
        return _has(post.text.hashtags, self.key, prefix=self.prefix)


@dataclass(frozen=True, slots=True)
class Handle(Query):
    """An account that the post addresses: `@fernway`, or any that begins so: `@fernway*`."""

    text: str
    prefix: bool = False
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", handle_key(self.text))

    def __str__(self) -> str:
        return f"@{self.text}{'*' if self.prefix else ''}"

    def holds(self, post: Post) -> bool:
        return _has(post.text.handles, self.key, prefix=self.prefix)


@dataclass(frozen=True, slots=True)
class From(Query):
    """Written by this account: `from:anna`."""

    handle: str
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", handle_key(self.handle))

    def __str__(self) -> str:
        return f"from:{self.handle}"

    def holds(self, post: Post) -> bool:
        return post.handle == self.key


@dataclass(frozen=True, slots=True)
class Lang(Query):
    """In this language, as the platform says: `lang:tr` (ISO 639-1). An unknown language is none."""

    code: str

    def __str__(self) -> str:
        return f"lang:{self.code}"

    def holds(self, post: Post) -> bool:
        return post.language == self.code


@dataclass(frozen=True, slots=True)
class Near(Query):
    """Both, at most `within` steps from the end of one to the beginning of the other, in either order."""

    left: Query
    right: Query
    within: int

    def __str__(self) -> str:
        return f"{_inside(self.left)} near/{self.within} {_inside(self.right)}"

    def holds(self, post: Post) -> bool:
        left, right = self.left.finds(post), self.right.finds(post)
        return self._follows(left, right) or self._follows(right, left)

    def _follows(self, first: Sequence[Span], second: Sequence[Span]) -> bool:
        """Whether a find of `second` begins within reach after one of `first` ends; n log n."""
        starts = sorted(start for start, _ in second)
        for _, end in first:
            at = bisect_left(starts, end + 1)
            if at < len(starts) and starts[at] - end <= self.within:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Not(Query):
    part: Query

    def __str__(self) -> str:
        return f"-{_inside(self.part)}"

    def holds(self, post: Post) -> bool:
        return not self.part.holds(post)


@dataclass(frozen=True, slots=True)
class And(Query):
    parts: tuple[Query, ...]

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)

    def holds(self, post: Post) -> bool:
        return all(part.holds(post) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or(Query):
    parts: tuple[Query, ...]

    def __str__(self) -> str:
        return " OR ".join(f"({part})" if isinstance(part, And) else str(part) for part in self.parts)

    def holds(self, post: Post) -> bool:
        return any(part.holds(post) for part in self.parts)

    def finds(self, post: Post) -> Sequence[Span]:
        return sorted({find for part in self.parts for find in part.finds(post)})


def words_of(text: str) -> Query | None:
    """A word or a phrase from what somebody typed; None where it has no word, or not words alone."""
    text = " ".join(tidy(text).replace('"', " ").split())
    core = _CORE.search(text)
    if core is None:
        return None
    words = read_post(core[0]).words
    if not all(words) or not all(read_post(text).words):
        return None
    return Word(core[0]) if len(words) == 1 else Phrase(core[0])


def all_of(parts: Sequence[Query]) -> Query:
    """The conjunction in its one form: flat, and a single part stands for itself."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Sequence[Query]) -> Query:
    """The disjunction in its one form: flat, and a single part stands for itself."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation_of(part: Query) -> Query:
    """The negation in its one form: two of them are none."""
    return part.part if isinstance(part, Not) else Not(part)


def can_be_near(part: Query) -> bool:
    """Whether `near/n` can join it: a word, a phrase, a wildcard, or several of them joined by OR."""
    if isinstance(part, Or):
        return all(can_be_near(inner) for inner in part.parts)
    return isinstance(part, Word | Phrase | Prefix)


def handle_key(handle: str) -> str:
    """What two spellings of one handle share."""
    return fold(handle.strip().removeprefix("@"))


def _has(values: Set[str], key: str, *, prefix: bool) -> bool:
    return any(value.startswith(key) for value in values) if prefix else key in values


def _inside(part: Query) -> str:
    return f"({part})" if isinstance(part, And | Or | Near | Not) else str(part)
