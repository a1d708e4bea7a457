"""What every sender promises: one public reply at most, and a read-back that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing
from desk.ports import ReplySender
from tests.contracts import platforms
from tests.contracts.rig import Rig
from tests.fakes.clock import START
from tests.fakes.loopback import Answer, Fault, Hang, Reset


@pytest.fixture(params=platforms.first_feeds())
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with platforms.open_rig(request.param, tmp_path) as rig:
        if rig.open_sender is None or not rig.reads_back:
            pytest.skip("replies cannot be published there, or cannot be looked for")
        yield rig


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Rig]:
    """A platform that can fail; the stage of a replay cannot."""
    with platforms.open_rig("x-mentions", tmp_path) as rig:
        yield rig


def opened(rig: Rig) -> ReplySender:
    assert rig.open_sender is not None
    return rig.open_sender()


def ordered(rig: Rig, fault: Fault) -> None:
    assert rig.order is not None
    rig.order(fault)


def settled(rig: Rig, sender: ReplySender, outgoing: Outgoing) -> object:
    """Look until the sender is sure, as the outbox does."""
    for _ in range(5):
        try:
            return sender.find(outgoing)
        except SendLaterError as later:
            rig.clock.advance(later.retry_after_seconds + 1)
    raise AssertionError("the sender is never sure")


def test_a_reply_is_published_once_and_found_again(rig: Rig) -> None:
    outgoing = rig.outgoing()

    sent = opened(rig).send(outgoing)
    found = opened(rig).find(outgoing)

    assert found is not None
    assert (found.external_id, found.author_id) == (sent.external_id, sent.author_id)
    assert abs((found.created_at - sent.created_at).total_seconds()) < 1
    assert rig.public() == 1


def test_a_reply_that_was_never_sent_is_not_found(rig: Rig) -> None:
    sender = opened(rig)
    sender.send(rig.outgoing(1, "Another reply"))

    assert settled(rig, sender, rig.outgoing(2)) is None


def test_two_replies_are_two_posts(rig: Rig) -> None:
    sender = opened(rig)

    first, second = sender.send(rig.outgoing(1)), sender.send(rig.outgoing(2, "And this"))

    assert first.external_id != second.external_id
    assert rig.public() == 2


def test_sending_again_after_a_crash_publishes_no_second_post(rig: Rig) -> None:
    first = opened(rig).send(rig.outgoing())

    again = opened(rig).send(rig.outgoing())

    assert again.external_id == first.external_id
    assert rig.public() == 1


def test_the_sender_names_its_platform_and_the_account(rig: Rig) -> None:
    sender = opened(rig)

    assert sender.source == rig.platform
    assert sender.send(rig.outgoing()).author_handle.lower() == rig.handle


LOST = [Reset(after=True), Hang(after=True)]
NEVER_DONE = [Reset(), Hang(), Answer(500, {}), Answer(503, b"busy"), Answer(201, b'{"da'), Answer(408, {})]


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_lost_answer_is_unknown_and_read_back_as_public(failing: Rig, fault: Fault) -> None:
    sender, outgoing = opened(failing), failing.outgoing()
    ordered(failing, fault)

    with pytest.raises(SendUnknownError):
        sender.send(outgoing)

    assert settled(failing, opened(failing), outgoing) is not None
    assert failing.public() == 1


@pytest.mark.parametrize("fault", NEVER_DONE, ids=repr)
def test_an_unclear_failure_is_unknown_and_read_back_as_absent(failing: Rig, fault: Fault) -> None:
    sender, outgoing = opened(failing), failing.outgoing()
    ordered(failing, fault)

    with pytest.raises(SendUnknownError):
        sender.send(outgoing)

    assert settled(failing, sender, outgoing) is None
    assert failing.public() == 0
    assert sender.send(outgoing)
    assert failing.public() == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_publishes_nothing_and_says_the_platforms_reason(failing: Rig, status: int) -> None:
    ordered(failing, Answer(status, {"title": "No", "detail": "the post was deleted"}))

    with pytest.raises(SendRefusedError, match="the post was deleted"):
        opened(failing).send(failing.outgoing())
    assert failing.public() == 0


def test_a_full_rate_limit_asks_to_come_back(failing: Rig) -> None:
    reset = str(int(START.timestamp()) + 90)
    ordered(failing, Answer(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": reset}))

    with pytest.raises(SendLaterError) as caught:
        opened(failing).send(failing.outgoing())
    assert caught.value.retry_after_seconds == 90
    assert failing.public() == 0
