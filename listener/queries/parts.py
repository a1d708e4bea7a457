"""What the compilers of listening queries share: spellings to ask for, and the error for "every post"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from desk.model.folding import fold, without_accents
from desk.model.query import And, From, Handle, Hashtag, Lang, Near, Not, Or, Prefix, Query, QueryError

_FINALS = {"ي": "ى", "ى": "ي", "ه": "ة", "ة": "ه"}
"""Arabic letters that writers interchange at the end of a word."""


def spellings(text: str) -> Sequence[str]:
    """As typed, and as others write it where the platform may not know that they are the same."""
    folded = fold(text)
    spellings = [text] if folded in {text.lower(), without_accents(text)} else [text, folded]
    if text[-1] in _FINALS:
        spellings.append(text[:-1] + _FINALS[text[-1]])
    return list(dict.fromkeys(spellings))


def no_search(query: Query, platform: str, can_stand: Callable[[Query], bool]) -> QueryError:
    """The error for a query that would bring every post, naming the smallest part that is to blame."""
    while isinstance(query, Or):
        query = next(part for part in query.parts if not can_stand(part))
    return QueryError(
        f"{platform} cannot search for {shortened(query)}: {_reason(query)}. "
        "Join it to a word or a #tag with AND."
    )


def _reason(query: Query) -> str:
    match query:
        case Not():
            return "a negation alone would bring nearly every post"
        case Lang():
            return "a language alone would bring every post in it"
        case Prefix() | Hashtag(prefix=True) | Handle(prefix=True):
            return "it has no wildcards"
        case Handle() | From():
            return "it cannot look for that account"
        case And() | Near():
            return "none of its parts can be looked for by itself"
    return "it cannot look for that"


def shortened(query: Query, limit: int = 80) -> str:
    text = str(query)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
