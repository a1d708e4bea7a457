"""The listening language: which posts concern a brand.

    fernway (late* OR refund OR "never arrived") -from:FernwayHelp lang:en
    (kargo OR iade) near/5 (gelmedi OR yok) NOT #çekiliş

| written                 | means                                                                            |
|-------------------------|----------------------------------------------------------------------------------|
| `refund`                | the word, whole; `coca-cola` and `don't` are phrases of their parts              |
| `late*`                 | words that begin so (two characters at least before the wildcard)                |
| `"never arrived"`       | the words side by side; punctuation between them does not matter                 |
| `a b`, `a AND b`        | both                                                                             |
| `a OR b`                | either; AND binds closer than OR                                                 |
| `NOT a`, `-a`           | not; the minus touches its term or parenthesis                                   |
| `a near/5 b`            | both, at most five steps apart, in either order; `a near/1 b` are neighbours.    |
|                         | It joins words, phrases and wildcards, or (a OR b) of them, and binds closest    |
| `#tag`, `#tag*`         | a hashtag                                                                        |
| `@handle`, `@handle*`   | a post that addresses the account                                                |
| `from:handle`           | written by the account                                                           |
| `lang:tr`               | in the language, as the platform says (ISO 639-1); unknown is none               |
| `( )`                   | grouping                                                                         |

The operators are in capitals; "or" is a word, and `"OR"` in quotes as well. Case and accents never matter
(`desk.model.folding` says exactly how).

**Words inside handles and links do not match.** `fernway` is not found in "@FernwayHelp", in
"fernway.com/help" or in a mail address: every answer to an account would match its name otherwise. Who wants
those posts says so: `fernway OR @FernwayHelp`, or `@fernway*`. A hashtag is a part of what somebody says, so
`fernway` does match "#fernway" (as one whole word; "#fernwayfail" needs `fernway*`).

In short:

    or    = and *("OR" and)
    and   = not *(["AND"] not)
    not   = *"NOT" near / *"NOT" "-" atom
    near  = atom ["near/" 1*DIGIT atom]
    atom  = "(" or ")" / word / word"*" / phrase / "#"tag["*"] / "@"handle["*"] / "from:"handle / "lang:"code
"""

from __future__ import annotations

from desk.model.query_errors import QueryError, QuerySyntaxError
from desk.model.query_parser import MAX_DEPTH, MAX_LENGTH, parse
from desk.model.query_terms import (
    And,
    From,
    Handle,
    Hashtag,
    Lang,
    Near,
    Not,
    Or,
    Phrase,
    Post,
    Prefix,
    Query,
    Word,
)

__all__ = [
    "MAX_DEPTH",
    "MAX_LENGTH",
    "And",
    "From",
    "Handle",
    "Hashtag",
    "Lang",
    "Near",
    "Not",
    "Or",
    "Phrase",
    "Post",
    "Prefix",
    "Query",
    "QueryError",
    "QuerySyntaxError",
    "Word",
    "matches",
    "parse",
]


def matches(query: Query, mention_text: str, handle: str, language: str | None) -> bool:
    """Whether a post matches. The text is taken apart once for all queries that ask about it in a row."""
    return query.holds(Post.of(mention_text, handle, language))
