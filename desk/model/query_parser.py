"""From the text of a listening query to its tree."""

from __future__ import annotations

from desk.model.query_errors import QuerySyntaxError
from desk.model.query_lexer import Kind, Lexer, Token
from desk.model.query_terms import Near, Query, all_of, any_of, can_be_near, negation_of

MAX_LENGTH = 8_000
"""Characters. The longest query that any platform takes has 4,096."""
MAX_DEPTH = 50
"""Parentheses inside one another; nobody reads more, and the tree is walked by recursion."""

_END_WORDS = {Kind.CLOSE: "the closing parenthesis", Kind.END: "the end of the query"}


def parse(text: str) -> Query:
    """Read a query. Raises QuerySyntaxError; cost is linear in the text's length."""
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(text, MAX_LENGTH, f"a query has at most {MAX_LENGTH:,} characters")
    return _Parser(text).query()


class _Parser:
    """Recursive descent: or ← and ← not ← near ← term or group."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = Lexer(text).tokens()
        self._next = 0
        self._depth = 0

    def query(self) -> Query:
        query = self._or()
        if self._now.kind is Kind.CLOSE:
            raise self._error("this closes nothing; expected an opening parenthesis before it")
        return query

    @property
    def _now(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._now
        self._next += 1
        return token

    def _error(self, problem: str, token: Token | None = None) -> QuerySyntaxError:
        return QuerySyntaxError(self._text, (token or self._now).at, problem)

    def _or(self) -> Query:
        parts = [self._and()]
        while self._now.kind is Kind.OR:
            self._take()
            parts.append(self._and())
        return any_of(parts)

    def _and(self) -> Query:
        parts = [self._not()]
        while self._now.kind not in {Kind.OR, Kind.CLOSE, Kind.END}:
            if self._now.kind is Kind.AND:
                self._take()
            parts.append(self._not())
        return all_of(parts)

    def _not(self) -> Query:
        negations = 0
        minus: Token | None = None
        while self._now.kind is Kind.NOT:
            minus = self._take()
            negations += 1
        if minus is not None and minus.minus:
            part = self._atom()
            if self._now.kind is Kind.NEAR:
                raise self._error(
                    f"{self._now.shown} cannot join a term with a minus before it; put parentheses around "
                    "what the minus is for"
                )
        else:
            part = self._near()
        return negation_of(part) if negations % 2 else part

    def _near(self) -> Query:
        start = self._now
        left = self._atom()
        if self._now.kind is not Kind.NEAR:
            return left
        near = self._take()
        self._check_near(left, start, near)
        start = self._now
        right = self._atom()
        self._check_near(right, start, near)
        if self._now.kind is Kind.NEAR:
            raise self._error(f"{near.shown} joins two terms; expected AND, OR or another term, not a third")
        return Near(left, right, near.within)

    def _check_near(self, part: Query, start: Token, near: Token) -> None:
        if not can_be_near(part):
            raise self._error(
                f"{near.shown} joins words, phrases and wildcards, alone or as (a OR b); expected one",
                start,
            )

    def _atom(self) -> Query:
        token = self._take()
        if token.kind is Kind.TERM and token.term is not None:
            return token.term
        if token.kind is Kind.OPEN:
            if self._depth >= MAX_DEPTH:
                raise self._error(f"more than {MAX_DEPTH} parentheses inside one another", token)
            self._depth += 1
            inner = self._or()
            self._depth -= 1
            if self._now.kind is not Kind.CLOSE:
                raise self._error("this parenthesis is never closed; expected )", token)
            self._take()
            return inner
        found = _END_WORDS.get(token.kind, token.shown)
        before = self._tokens[self._next - 2].shown if self._next > 1 else ""
        after = f" after {before}" if before else ""
        raise self._error(f"expected a word, a phrase or an opening parenthesis{after}, not {found}", token)
