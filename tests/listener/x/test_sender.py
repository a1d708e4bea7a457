"""Replies on X: the right account, the platform's rules, and a cautious read-back."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.errors import InputError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, ReplyId, same_words
from listener.platforms.x.source import XAccount, XCredentials, XSender
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.x_api import KEYS, FakeX

ACCOUNT = XAccount("fernway", "Fernway")


def sender_of(x: FakeX, account: XAccount = ACCOUNT, **settings: Any) -> XSender:
    return XSender({account: KEYS}, now=x.clock, base_url=x.url, **settings)


def outgoing(
    post: str, text: str = "Sorry, we are on it.", *, brand: str = "fernway", number: int = 1
) -> Outgoing:
    return Outgoing(ReplyId(number), brand, post, post, "ana", text, START)


def test_a_post_that_did_not_summon_the_account_is_refused_in_the_platforms_words(x: FakeX) -> None:
    x.gate = True
    post = x.add_post("20", "Fernway is awful")

    with pytest.raises(SendRefusedError, match="Reply not permitted: not mentioned"):
        sender_of(x).send(outgoing(post))


def test_what_was_sent_is_told_with_its_address(x: FakeX) -> None:
    sent = sender_of(x).send(outgoing(x.add_post("20", "@Fernway help")))

    assert sent.url == f"https://x.com/Fernway/status/{sent.external_id}"
    assert (sent.author_id, sent.author_handle) == ("10", "Fernway")
    assert abs(sent.created_at - START) < timedelta(seconds=1)


def test_keys_of_another_account_never_publish(x: FakeX) -> None:
    x.me = "30"
    post = x.add_post("20", "@Fernway help")

    with pytest.raises(SendRefusedError, match="belong to another account than @Fernway"):
        sender_of(x).send(outgoing(post))
    assert not [path for method, path in x.requests if method == "POST"]


def test_a_brand_without_an_account_is_refused(x: FakeX) -> None:
    with pytest.raises(SendRefusedError, match="No X account is set up for brand other"):
        sender_of(x).send(outgoing("1", brand="other"))


def test_replying_needs_all_four_user_keys(x: FakeX) -> None:
    with pytest.raises(InputError, match="Replying as @Fernway"):
        XSender({ACCOUNT: XCredentials(bearer_token=KEYS.bearer_token)}, now=x.clock)


def test_nothing_left_where_nobody_listens(clock: Clock) -> None:
    sender = XSender({ACCOUNT: KEYS}, now=clock, base_url="http://127.0.0.1:1")

    with pytest.raises(SendLaterError, match="cannot be reached"):
        sender.send(outgoing("1"))


def test_nothing_left_where_the_platform_went_away_after_the_first_request(x: FakeX) -> None:
    sender = sender_of(x)
    post = x.add_post("20", "@Fernway help")
    sender.send(outgoing(post))
    x.__exit__()

    with pytest.raises(SendLaterError, match="nothing was sent"):
        sender.send(outgoing(post, "More", number=2))


def test_a_broken_look_at_the_own_account_leaves_the_reply_unsent(x: FakeX) -> None:
    x.fail("/2/users/me", Answer(500, {}), Answer(200, {"errors": []}), Reset())
    sender = sender_of(x)
    post = x.add_post("20", "@Fernway help")

    for _ in range(3):
        with pytest.raises(SendLaterError):
            sender.send(outgoing(post))
    assert sender.send(outgoing(post))


def test_absence_counts_only_after_the_timeline_had_time_to_show_the_post(x: FakeX, clock: Clock) -> None:
    sender = sender_of(x, settle_seconds=60)
    reply = outgoing(x.add_post("20", "@Fernway help"))
    x.fail("/2/tweets", Reset())
    with pytest.raises(SendUnknownError):
        sender.send(reply)
    clock.advance(20)

    with pytest.raises(SendLaterError) as caught:
        sender.find(reply)
    assert caught.value.retry_after_seconds == 40
    clock.advance(40)

    assert sender.find(reply) is None


def test_after_a_restart_the_wait_begins_with_the_first_look(x: FakeX, clock: Clock) -> None:
    reply = outgoing(x.add_post("20", "@Fernway help"))
    clock.advance(3600)
    sender = sender_of(x, settle_seconds=60)

    with pytest.raises(SendLaterError):
        sender.find(reply)
    clock.advance(60)

    assert sender.find(reply) is None


def test_the_read_back_looks_through_every_page(x: FakeX, clock: Clock) -> None:
    sender = sender_of(x)
    post = x.add_post("20", "@Fernway help")
    sent = sender.send(outgoing(post))
    for number in range(150):
        x.add_post("10", f"other {number}")

    found = sender.find(outgoing(post))

    assert found is not None
    assert found.external_id == sent.external_id


def test_the_same_words_under_another_post_or_from_before_the_approval_are_another_reply(
    x: FakeX, clock: Clock
) -> None:
    one, two = x.add_post("20", "@Fernway help"), x.add_post("30", "@Fernway help me")
    x.add_post("10", "Sorry, we are on it.", replied_to=two, at=START - timedelta(hours=1))
    sender = sender_of(x, settle_seconds=0)
    sender.send(outgoing(one))

    assert sender.find(outgoing(two, number=2)) is None


def test_a_timeline_that_cannot_be_read_whole_is_no_proof_of_absence(x: FakeX) -> None:
    sender = sender_of(x, settle_seconds=0)
    odd = x.add_post("10", "odd")
    x.raw[odd] = {"text": "no id"}

    with pytest.raises(SendLaterError, match="cannot be read"):
        sender.find(outgoing("1"))


@pytest.mark.parametrize("fault", [Answer(503, {}), Answer(429, {}), Answer(401, {}), Reset()])
def test_a_read_back_that_fails_is_tried_later(x: FakeX, fault: Answer | Reset) -> None:
    sender = sender_of(x)
    x.fail("/2/users/10/tweets", fault)

    with pytest.raises(SendLaterError, match="could not be looked for"):
        sender.find(outgoing("1"))


def test_a_duplicate_of_another_reply_is_refused_and_of_this_one_is_success(x: FakeX, clock: Clock) -> None:
    sender = sender_of(x)
    post = x.add_post("20", "@Fernway help")
    first = sender.send(outgoing(post))

    assert sender.send(outgoing(post)).external_id == first.external_id
    other = x.add_post("20", "@Fernway more")
    with pytest.raises(SendRefusedError, match="duplicate content"):
        sender.send(outgoing(other, number=2))


def test_a_duplicate_that_cannot_be_looked_up_is_unknown(x: FakeX) -> None:
    sender = sender_of(x)
    post = x.add_post("20", "@Fernway help")
    sender.send(outgoing(post))
    x.fail("/2/users/10/tweets", Answer(503, {}))

    with pytest.raises(SendUnknownError, match="may be public already"):
        sender.send(outgoing(post))


def test_no_key_reaches_a_log_or_a_message(x: FakeX, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    x.fail("/2/tweets", Answer(403, {"detail": "no"}))
    with pytest.raises(SendRefusedError) as caught:
        sender_of(x).send(outgoing(x.add_post("20", "@Fernway help")))

    said = caplog.text + repr(caught.value)
    for key in ("consumer-secret-of-tests", "access-token-of-tests", "access-token-secret-of-tests"):
        assert key not in said


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("Hello  there", "@ana Hello there", True),
        ("@ana Hello", "@ana @ben Hello", True),
        ("See https://a.example/x?y=1 now", "See https://t.co/abc now", True),
        ("See fernway.com/help", "@ana See https://t.co/abc", True),
        ("Cafe\u0301", "Café", True),
        ("Hello", "Hello!", False),
        ("See https://a.example", "See", False),
        ("", "@ana", True),
    ],
)
def test_words_are_compared_as_x_rewrites_them(ours: str, theirs: str, same: bool) -> None:
    assert same_words(ours, theirs) is same


@given(text=st.text(max_size=80))
def test_words_are_the_same_with_the_handles_that_x_puts_in_front(text: str) -> None:
    assert same_words(text, f"@ana {text}")
