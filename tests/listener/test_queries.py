"""Compiled queries find at least what the query means, and say what they leave out."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import example, given, settings

from desk.model.folding import fold
from desk.model.query import QueryError, matches, parse
from listener.queries.keywords import to_bluesky_keywords, to_mastodon
from listener.queries.x import XSearch, to_x
from tests.query_strategies import handles, languages, post_texts, query_texts


def x(query: str, **options: bool | int) -> XSearch:
    return to_x(parse(query), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("fernway refund", "fernway refund"),
        ("fernway AND (late OR refund)", "fernway (late OR refund)"),
        ("a OR b c", "a OR (b c)"),
        ('"never arrived"', '"never arrived"'),
        ("coca-cola", '"coca-cola"'),
        ('fernway "or"', 'fernway "or"'),
        ("fernway lang:tr", "fernway lang:tr"),
        ("fernway lang:he", "fernway lang:iw"),
        ("fernway -lang:hi", "fernway -lang:hi -lang:hi-Latn"),
        ("fernway lang:zh", "fernway (lang:zh-CN OR lang:zh-TW)"),
        ("#fail -from:FernwayHelp", "#fail -from:FernwayHelp"),
        ("#fail -(from:a OR @b)", "#fail -from:a -@b"),
        ("kıyafet", "kıyafet OR kiyafet"),
        ("fernway kıyafet", "fernway (kıyafet OR kiyafet)"),
        ("café ещё", "café ещё"),
        ("شكوى", "شكوى OR شكوي"),
        ("a OR a", "a"),
        ('"say $5 @home!" b'.replace("@", ""), '"say 5 home" b'),
    ],
)
def test_what_x_can_say(query: str, text: str) -> None:
    search = x(query)
    assert search.text == text
    assert search.widened == ()


@pytest.mark.parametrize(
    ("query", "text", "widened"),
    [
        ("fernway late*", "fernway", ("late*",)),
        ("kargo near/5 (yok OR gelmedi)", "kargo (yok OR gelmedi)", ("kargo near/5 (yok OR gelmedi)",)),
        ("fernway (late* OR refund)", "fernway", ("late* OR refund",)),
        ("fernway -giveaway", "fernway", ("-giveaway",)),
        ("fernway -(#a b)", "fernway", ("-(#a b)",)),
        ("fernway (late OR -#ad)", "fernway", ("late OR -#ad",)),
        ("fernway -#ad*", "fernway -#ad", ("-#ad*",)),
        ("fernway lang:xx", "fernway", ("lang:xx",)),
        ("fernway @bo@example.social", "fernway", ("@bo@example.social",)),
    ],
)
def test_what_x_cannot_say_is_widened_and_named(query: str, text: str, widened: tuple[str, ...]) -> None:
    assert x(query) == XSearch(text, exact=False, widened=widened)


def test_only_a_query_without_words_is_exact() -> None:
    assert x("#fail -from:a lang:en").exact
    assert not x("fail").exact  # X finds it in @fail and fail.com, too


def test_negated_words_stay_where_that_is_asked_for() -> None:
    search = x('fernway -giveaway -"free stuff"', keep_negated_words=True)
    assert search.text == 'fernway -giveaway -"free stuff"'
    assert not search.exact


@pytest.mark.parametrize(
    ("query", "part", "why"),
    [
        ("late*", "late*", "no wildcards"),
        ("fernway OR late*", "late*", "no wildcards"),
        ("fernway OR lang:en", "lang:en", "a language alone"),
        ("-fernway", "-fernway", "a negation alone"),
        ("fernway OR -#ad", "-#ad", "a negation alone"),
        ("-#a -#b", "-#a -#b", "none of its parts"),
        ("fernway OR (late* lang:en)", "late* lang:en", "none of its parts"),
    ],
)
def test_a_query_that_would_bring_everything_is_refused_with_its_part(
    query: str, part: str, why: str
) -> None:
    with pytest.raises(QueryError) as caught:
        x(query)
    assert f"X cannot search for {part}: " in str(caught.value)
    assert why in str(caught.value)


def test_a_query_over_the_limit_is_refused_with_its_longest_part() -> None:
    long = " OR ".join(f"word{n}" for n in range(60))
    with pytest.raises(QueryError, match=r"takes 512 .* word0 OR word1"):
        x(f"fernway ({long})")
    assert x(f"fernway ({long})", limit=1024).text.startswith("fernway (word0 OR")


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("fernway OR #fernway OR @fernway", ("fernway", "#fernway", "@fernway")),
        ('"never arrived" OR from:bo@example.social', ('"never arrived"', "from:bo@example.social")),
        ("fernway (late OR refund)", ("fernway",)),
        ("-(-#a -#b)", ("#a", "#b")),
        ("late* kıyafet", ("kıyafet", "kiyafet")),
    ],
)
def test_mastodon_gets_hashtags_and_searches(query: str, terms: tuple[str, ...]) -> None:
    assert to_mastodon(parse(query)) == terms


@pytest.mark.parametrize(
    ("query", "keywords"),
    [
        ("fernway OR #FernwayFail OR @FernwayHelp", ("fernway", "fernwayfail", "fernwayhelp")),
        ("late* Kıyafet", ("kiyafet",)),
        ('"an order number" OR late*', ("number", "late")),
        ("kargo near/3 (yok OR gelmedi)", ("kargo",)),
        ("fernway -late", ("fernway",)),
    ],
)
def test_bluesky_gets_folded_keywords(query: str, keywords: tuple[str, ...]) -> None:
    assert to_bluesky_keywords(parse(query)) == keywords


@pytest.mark.parametrize("query", ["-a", "a OR -b", "lang:en", "a OR from:anna"])
def test_bluesky_refuses_what_needs_no_word(query: str) -> None:
    with pytest.raises(QueryError, match="Bluesky's stream cannot search for"):
        to_bluesky_keywords(parse(query))


@settings(max_examples=300)
@given(query_texts, post_texts, handles, languages)
@example("fernway -late", "my fernway coat @late", "anna", "en")
@example('fernway -"late fee"', "fernway https://x.example/late/fee", "anna", "en")
@example("fernway -(@late lang:en)", "fernway @late", "anna", "tr")
@example("fernway NOT #fern*", "fernway #fail", "anna", "en")
@example("late* OR fernway", "later", "anna", "en")
@example("(late OR -fernway) #fail", "#fail", "anna", "en")
@example("@bo@fern.social OR late", "hi @bo@fern.social", "anna", "en")
def test_no_platform_loses_a_post(query_text: str, text: str, handle: str, language: str | None) -> None:
    query = parse(query_text)
    matched = matches(query, text, handle, language)
    with contextlib.suppress(QueryError):
        search = to_x(query, limit=10_000)
        found = XEvaluator(search.text).finds(text, handle, language)
        assert found or not matched, search.text
        assert found == matched or not search.exact, search.text
    if matched:
        with contextlib.suppress(QueryError):
            terms = to_mastodon(query)
            assert any(matches(parse(term), text, handle, language) for term in terms), terms
        with contextlib.suppress(QueryError):
            keywords = to_bluesky_keywords(query)
            assert any(keyword in fold(text) for keyword in keywords), keywords


def test_words_that_are_kept_negated_may_lose_a_post_and_that_is_why_they_go() -> None:
    post = "my fernway coat @late"
    query = parse("fernway -late")
    assert matches(query, post, "anna", "en")
    assert XEvaluator(to_x(query).text).finds(post, "anna", "en")
    assert not XEvaluator(to_x(query, keep_negated_words=True).text).finds(post, "anna", "en")


@given(query_texts)
def test_x_would_take_every_compiled_query(query_text: str) -> None:
    try:
        search = to_x(parse(query_text), limit=10_000)
    except QueryError:
        return
    XEvaluator(search.text).check_rules()


class XEvaluator:
    """X's search as its documentation says: tokens parted by punctuation, no groups negated, AND before OR.

    It looks for words in the whole post, inside handles and links as well.
    """

    def __init__(self, query: str) -> None:
        self._tokens = re.findall(r'-?"[^"]*"|[()]|[^\s()]+', query)
        self._at = 0
        self._tree = self._or()
        assert self._at == len(self._tokens), query

    def finds(self, text: str, handle: str, language: str | None) -> bool:
        return self._holds(self._tree, text, handle, language)

    def check_rules(self) -> None:
        assert self._stands(self._tree)
        self._no_lone_negation(self._tree)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _or(self) -> tuple[object, ...]:
        parts = [self._and()]
        while self._peek() == "OR":
            self._at += 1
            parts.append(self._and())
        return ("or", *parts) if len(parts) > 1 else parts[0]

    def _and(self) -> tuple[object, ...]:
        parts = []
        while self._peek() not in {"OR", ")", ""}:
            token = self._peek()
            self._at += 1
            if token == "(":
                parts.append(self._or())
                assert self._peek() == ")"
                self._at += 1
            else:
                assert token != "-", "a group is negated"
                parts.append(("leaf", token))
        assert parts
        return ("and", *parts) if len(parts) > 1 else parts[0]

    def _holds(self, node: tuple, text: str, handle: str, language: str | None) -> bool:
        if node[0] == "or":
            return any(self._holds(part, text, handle, language) for part in node[1:])
        if node[0] == "and":
            return all(self._holds(part, text, handle, language) for part in node[1:])
        term = node[1]
        if term.startswith("-"):
            return not self._holds(("leaf", term[1:]), text, handle, language)
        if term.startswith("lang:"):
            ours = {"iw": "he", "in": "id", "hi-Latn": "hi", "zh-CN": "zh", "zh-TW": "zh"}
            return ours.get(term[5:], term[5:]) == language
        if term.startswith("from:"):
            return term[5:].lower() == handle.lower()
        if term.startswith(("#", "@")):
            entities = re.findall(rf"(?<!\w){term[0]}(\w+)(?![@\w])", text)
            return fold(term[1:]) in map(fold, entities)
        tokens, wanted = self._split(text), self._split(term)
        return any(tokens[i : i + len(wanted)] == wanted for i in range(len(tokens)))

    def _split(self, text: str) -> list[str]:
        return re.findall(r"\w+", fold(text))

    def _stands(self, node: tuple) -> bool:
        if node[0] == "leaf":
            return not node[1].startswith(("-", "lang:"))
        return (all if node[0] == "or" else any)(self._stands(part) for part in node[1:])

    def _no_lone_negation(self, node: tuple) -> None:
        if node[0] == "leaf":
            return
        for part in node[1:]:
            if node[0] == "or":
                assert self._stands(part) or "-" not in {str(leaf)[:1] for leaf in _leaves(part)}
            self._no_lone_negation(part)


def _leaves(node: tuple) -> list[str]:
    return [node[1]] if node[0] == "leaf" else [leaf for part in node[1:] for leaf in _leaves(part)]
