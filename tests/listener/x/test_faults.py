"""X that fails, refuses or talks nonsense; and settings that cannot work."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from desk.errors import InputError, SourceError
from listener.platforms.x.source import XAccount, XCredentials, XFeed, XSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Hang, Reset
from tests.fakes.x_api import KEYS, FakeX
from tests.listener.x.reading import ACCOUNT, only, source_of


@pytest.mark.parametrize(
    ("fault", "permanent", "wait", "words"),
    [
        (Answer(503, b"<html>over capacity"), False, None, "503"),
        (Answer(500, []), False, None, "500"),
        (Answer(503, {}, {"Retry-After": "120"}), False, 120.0, "503"),
        (
            Answer(429, {}, {"x-rate-limit-reset": str(int(START.timestamp()) + 300)}),
            False,
            300.0,
            "rate limit",
        ),
        (Answer(429, {}, {"x-rate-limit-reset": "2026-03-10T09:05:00Z"}), False, 300.0, "rate limit"),
        (Answer(429, {}, {"x-rate-limit-reset": "whenever"}), False, 60.0, "rate limit"),
        (Answer(429, {}), False, 60.0, "rate limit"),
        (Answer(401, {"title": "Unauthorized"}), True, None, "Unauthorized. Check the X keys"),
        (Answer(403, {"errors": [{"code": 453, "message": "No access"}]}), True, None, "No access"),
        (Answer(400, {"errors": [{"message": "bad query"}], "title": "Invalid"}), True, None, "bad query"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), False, None, "302"),
        (Answer(200, b'{"data": [{"id"', cut=False), False, None, "cut off"),
        (Answer(200, {"data": ["a" * 5_000]}, cut=True), False, None, "broke before the answer was complete"),
        (Answer(200, []), False, None, "no JSON object"),
        (Answer(200, {"data": {}}), False, None, "no list"),
        (Answer(200, {"errors": [{"detail": "User has been suspended"}]}), True, None, "suspended"),
        (Reset(), False, None, "broke"),
        (Hang(), False, None, f"did not answer within {PATIENCE_SECONDS} s"),
    ],
)
def test_every_failure_is_said_and_the_same_cursor_asked_again(
    x: FakeX, fault: Any, permanent: bool, wait: float | None, words: str
) -> None:
    posted = x.add_post("20", "@Fernway help")
    source = source_of(x, timeout_seconds=PATIENCE_SECONDS)
    x.fail("/2/users/10/mentions", fault)

    with pytest.raises(SourceError, match=words) as caught:
        source.fetch(None)

    assert (caught.value.permanent, caught.value.retry_after_seconds) == (permanent, wait)
    assert only(source.fetch(None)).external_id == posted


def test_a_platform_that_cannot_be_reached_is_said(clock: Clock) -> None:
    source = XSource(ACCOUNT, KEYS, feed=XFeed.MENTIONS, now=clock, base_url="http://127.0.0.1:1")

    with pytest.raises(SourceError, match="cannot be reached") as caught:
        source.fetch(None)
    assert not caught.value.permanent


def test_an_account_that_x_does_not_know_is_said(x: FakeX) -> None:
    with pytest.raises(SourceError, match="no account @nobody; check the handle") as caught:
        source_of(x, account=XAccount("fernway", "nobody")).fetch(None)
    assert caught.value.permanent


def test_settings_that_x_would_refuse_are_refused_here(x: FakeX) -> None:
    for settings in (
        {"feed": XFeed.SEARCH},
        {"feed": XFeed.SEARCH, "query": "x" * 513},
        {"page_size": 500},
        {"credentials": XCredentials()},
    ):
        with pytest.raises(InputError):
            source_of(x, **settings)


def test_no_token_reaches_a_log_or_a_message(x: FakeX, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "hunter2-bearer"
    source = source_of(x, credentials=XCredentials(bearer_token=SecretStr(secret)))

    with pytest.raises(SourceError) as caught:
        source.fetch(None)

    assert secret not in caplog.text
    assert secret not in repr(caught.value)
    assert secret not in repr(KEYS) + repr(source)


_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["10", "20", "1900"])
)
_NAMES = st.sampled_from(
    [
        "id",
        "text",
        "author_id",
        "created_at",
        "edit_history_tweet_ids",
        "referenced_tweets",
        "type",
        "note_tweet",
        "entities",
        "mentions",
        "urls",
        "url",
        "expanded_url",
        "username",
        "name",
        "lang",
        "conversation_id",
        "data",
        "meta",
        "includes",
        "users",
        "tweets",
        "errors",
        "newest_id",
        "next_token",
        "resource_type",
        "resource_id",
        "value",
        "detail",
        "code",
    ]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=15,
)
_GOOD_POST = {
    "id": "1900",
    "author_id": "20",
    "text": "@Fernway hi",
    "created_at": "2026-03-10T09:00:00.000Z",
}
_ODD_POST = st.dictionaries(_NAMES, _JSON, max_size=5).map(lambda odd: _GOOD_POST | odd)
_PAGE = st.fixed_dictionaries(
    {
        "data": st.lists(_ODD_POST | _JSON, max_size=3) | _JSON,
        "meta": _JSON,
        "includes": _JSON,
        "errors": _JSON,
    }
)


@given(page=_PAGE | _JSON)
def test_whatever_x_sends_is_taken_set_aside_or_said(x: FakeX, page: Any) -> None:
    x.fail("/2/users/10/mentions", Answer(200, page))
    try:
        batch = source_of(x).fetch(None)
    except SourceError as error:
        assert "x:Fernway:mentions" in str(error)
    else:
        assert len(batch.mentions) + len(batch.bad) <= len(page.get("data", []))
        for mention in batch.mentions:
            mention.text.encode()
            assert mention.created_at.utcoffset() is not None


@given(body=_JSON, status=st.sampled_from([400, 401, 403, 404, 418, 429, 500, 503]))
def test_whatever_an_error_says_becomes_a_source_error(x: FakeX, body: Any, status: int) -> None:
    x.fail("/2/users/10/mentions", Answer(status, body))
    with pytest.raises(SourceError, match=str(status)):
        source_of(x).fetch(None)
