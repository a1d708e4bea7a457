"""What every sender promises: one public reply at most, and a read-back that can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, ReplyId
from desk.ports import ReplySender
from listener.platforms.mastodon.source import MastodonSender
from listener.platforms.replay.stage import ReplaySender, ReplayStage
from listener.platforms.x.source import XAccount, XSender
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Fault, Hang, Reset
from tests.fakes.mastodon_api import FakeMastodon
from tests.fakes.x_api import KEYS, FakeX

TEXT = "We are sorry & on it: see https://fernway.example/help or fernway.com/status"


@dataclass(frozen=True)
class Harness:
    open: Callable[[], ReplySender]
    """The sender as a new process would make it."""
    clock: Clock
    post: str
    """Id of a customer's post."""
    public: Callable[[], int]
    """How many replies the platform shows."""
    order: Callable[[Fault], None] = lambda _: None
    """Have the next publication answered so."""
    platform: str = "x"
    handle: str = "fernway"

    def outgoing(self, number: int = 1, text: str = TEXT) -> Outgoing:
        return Outgoing(ReplyId(number), "fernway", self.post, self.post, "ana", text, START)


def _replay() -> Harness:
    stage, clock = ReplayStage(), Clock()
    return Harness(
        open=lambda: ReplaySender("x", stage, clock),
        clock=clock,
        post="1",
        public=lambda: len(stage.arrived(after=0, now=clock())),
    )


def _x(fake: FakeX) -> Harness:
    fake.add_user("10", "Fernway", me=True)
    fake.add_user("20", "ana")
    post = fake.add_post("20", "@Fernway it broke")
    accounts = {XAccount("fernway", "Fernway"): KEYS}
    return Harness(
        open=lambda: XSender(accounts, now=fake.clock, base_url=fake.url, timeout_seconds=0.3),
        clock=fake.clock,
        post=post,
        public=lambda: sum(1 for post in fake.posts.values() if post.author_id == "10"),
        order=lambda fault: fake.fail("/2/tweets", fault),
    )


def _mastodon(fake: FakeMastodon) -> Harness:
    fake.add_account("10", "fernway", me=True)
    fake.add_account("20", "ana@far.example")
    post = fake.add("20", "@fernway it broke")
    return Harness(
        open=lambda: MastodonSender([fake.account()], now=fake.clock, timeout_seconds=0.5),
        clock=fake.clock,
        post=f"{post}@127.0.0.1:{fake.port}",
        public=lambda: sum(1 for status in fake.statuses.values() if status.account_id == "10"),
        order=fake.fail_post,
        platform="mastodon",
        handle="fernway@social.example",
    )


@pytest.fixture(params=["replay", "x", "mastodon"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    if request.param == "replay":
        yield _replay()
        return
    if request.param == "mastodon":
        with FakeMastodon(Clock()) as server:
            yield _mastodon(server)
        return
    with FakeX(Clock()) as fake:
        yield _x(fake)


@pytest.fixture
def failing() -> Iterator[Harness]:
    """A platform that can fail; the stage of a replay cannot."""
    with FakeX(Clock()) as fake:
        yield _x(fake)


def settled(harness: Harness, sender: ReplySender, outgoing: Outgoing) -> object:
    """Look until the sender is sure, as the outbox does."""
    for _ in range(5):
        try:
            return sender.find(outgoing)
        except SendLaterError as later:
            harness.clock.advance(later.retry_after_seconds + 1)
    raise AssertionError("the sender is never sure")


def test_a_reply_is_published_once_and_found_again(harness: Harness) -> None:
    outgoing = harness.outgoing()

    sent = harness.open().send(outgoing)
    found = harness.open().find(outgoing)

    assert found is not None
    assert (found.external_id, found.author_id) == (sent.external_id, sent.author_id)
    assert abs((found.created_at - sent.created_at).total_seconds()) < 1
    assert harness.public() == 1


def test_a_reply_that_was_never_sent_is_not_found(harness: Harness) -> None:
    sender = harness.open()
    sender.send(harness.outgoing(1, "Another reply"))

    assert settled(harness, sender, harness.outgoing(2)) is None


def test_two_replies_are_two_posts(harness: Harness) -> None:
    sender = harness.open()

    first, second = sender.send(harness.outgoing(1)), sender.send(harness.outgoing(2, "And this"))

    assert first.external_id != second.external_id
    assert harness.public() == 2


def test_sending_again_after_a_crash_publishes_no_second_post(harness: Harness) -> None:
    first = harness.open().send(harness.outgoing())

    again = harness.open().send(harness.outgoing())

    assert again.external_id == first.external_id
    assert harness.public() == 1


def test_the_sender_names_its_platform_and_the_account(harness: Harness) -> None:
    sender = harness.open()

    assert sender.source == harness.platform
    assert sender.send(harness.outgoing()).author_handle.lower() == harness.handle


LOST = [Reset(after=True), Hang(after=True)]
NEVER_DONE = [Reset(), Hang(), Answer(500, {}), Answer(503, b"busy"), Answer(201, b'{"da'), Answer(408, {})]


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_lost_answer_is_unknown_and_read_back_as_public(failing: Harness, fault: Fault) -> None:
    sender, outgoing = failing.open(), failing.outgoing()
    failing.order(fault)

    with pytest.raises(SendUnknownError):
        sender.send(outgoing)

    assert settled(failing, failing.open(), outgoing) is not None
    assert failing.public() == 1


@pytest.mark.parametrize("fault", NEVER_DONE, ids=repr)
def test_an_unclear_failure_is_unknown_and_read_back_as_absent(failing: Harness, fault: Fault) -> None:
    sender, outgoing = failing.open(), failing.outgoing()
    failing.order(fault)

    with pytest.raises(SendUnknownError):
        sender.send(outgoing)

    assert settled(failing, sender, outgoing) is None
    assert failing.public() == 0
    assert sender.send(outgoing)
    assert failing.public() == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_publishes_nothing_and_says_the_platforms_reason(failing: Harness, status: int) -> None:
    failing.order(Answer(status, {"title": "No", "detail": "the post was deleted"}))

    with pytest.raises(SendRefusedError, match="the post was deleted"):
        failing.open().send(failing.outgoing())
    assert failing.public() == 0


def test_a_full_rate_limit_asks_to_come_back(failing: Harness) -> None:
    reset = str(int(START.timestamp()) + 90)
    failing.order(Answer(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": reset}))

    with pytest.raises(SendLaterError) as caught:
        failing.open().send(failing.outgoing())
    assert caught.value.retry_after_seconds == 90
    assert failing.public() == 0
