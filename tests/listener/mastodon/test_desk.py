"""A complaint's whole way on Mastodon: read, answered once, and quiet again, whoever answers it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from desk import intake, outbox
from desk.model.case import CaseState
from desk.model.reply import ReplyState
from desk.model.sla import Clock as SlaClock
from listener.platforms.mastodon.source import MastodonFeed, MastodonSender, MastodonSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Reset
from tests.fakes.mastodon_api import FakeMastodon
from tests.kernel import Desk

TEXT = "Sorry! See https://fernway.example/help, we are on it."


@pytest.fixture
def server(clock: Clock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock) as fake:
        fake.add_account("10", "fernway", me=True)
        fake.add_account("20", "ana@far.example")
        yield fake


class Listener:
    """The two feeds that every account has, with their cursors."""

    def __init__(self, fake: FakeMastodon, desk: Desk) -> None:
        self.fake, self.desk = fake, desk
        self.sources = [
            MastodonSource(fake.account(), feed=feed, now=fake.clock, timeout_seconds=5)
            for feed in (MastodonFeed.MENTIONS, MastodonFeed.OWN)
        ]
        self.cursors: dict[str, str | None] = {source.name: None for source in self.sources}

    def poll(self) -> None:
        for source in self.sources:
            more = True
            while more:
                batch = source.fetch(self.cursors[source.name])
                intake.record(self.desk.store, source.name, batch, self.fake.clock())
                self.cursors[source.name], more = batch.cursor, batch.more
        self.desk.classify()
        self.desk.triage(self.fake.clock())


def complain(server: FakeMastodon, desk: Desk) -> tuple[Listener, str]:
    listener = Listener(server, desk)
    root = server.add("20", "bought a thing", at=START - timedelta(hours=1))
    question = server.add("20", "@fernway it broke", in_reply_to=root)
    listener.poll()
    assert desk.case().state is CaseState.NEW
    server.clock.advance(60)
    return listener, question


def test_a_reply_of_the_desk_stops_the_clock_once(server: FakeMastodon, desk: Desk) -> None:
    listener, question = complain(server, desk)
    sender = MastodonSender([server.account()], now=server.clock)
    outbox.approve(desk.store, desk.case().id, agent="mia", text=TEXT, now=server.clock(), undo_seconds=0)

    assert outbox.send_due(desk.store, {"mastodon": sender}, server.clock()) == 1
    log = desk.log()
    server.clock.advance(60)
    listener.poll()

    assert desk.case().state is CaseState.WAITING
    assert desk.span(SlaClock.FIRST_RESPONSE).stopped_at == START + timedelta(seconds=60)
    assert desk.log() == log, "the reply came back through the feed and changed nothing"
    assert server.posted[0]["in_reply_to_id"] == question
    assert desk.case_ids() == [1]


def test_a_reply_made_on_the_platform_stops_the_clock(server: FakeMastodon, desk: Desk) -> None:
    listener, question = complain(server, desk)
    server.add("10", "@ana@far.example we are on it", in_reply_to=question)

    listener.poll()

    assert desk.case().state is CaseState.WAITING
    assert desk.span(SlaClock.FIRST_RESPONSE).stopped_at == START + timedelta(seconds=60)


def test_a_reply_whose_answer_was_lost_is_settled_by_the_feed(server: FakeMastodon, desk: Desk) -> None:
    listener, _ = complain(server, desk)
    sender = MastodonSender([server.account()], now=server.clock)
    outbox.approve(desk.store, desk.case().id, agent="mia", text=TEXT, now=server.clock(), undo_seconds=0)
    server.fail_post(Reset(after=True))
    outbox.send_due(desk.store, {"mastodon": sender}, server.clock())
    assert desk.reply().state is ReplyState.UNCONFIRMED

    listener.poll()
    server.clock.advance(3_600)
    outbox.send_due(desk.store, {"mastodon": sender}, server.clock())

    assert desk.reply().state is ReplyState.SENT
    assert len(server.posted) == 1


def test_a_reply_that_never_left_is_sent_again_after_a_look(server: FakeMastodon, desk: Desk) -> None:
    complain(server, desk)
    sender = MastodonSender([server.account()], now=server.clock)
    outbox.approve(desk.store, desk.case().id, agent="mia", text=TEXT, now=server.clock(), undo_seconds=0)
    server.fail_post(Reset())
    for _ in range(6):
        outbox.send_due(desk.store, {"mastodon": sender}, server.clock())
        server.clock.advance(30)

    assert desk.reply().state is ReplyState.SENT
    assert len(server.posted) == 1


def test_what_the_author_takes_back_is_erased(server: FakeMastodon, desk: Desk) -> None:
    listener, question = complain(server, desk)
    server.delete(question)

    listener.poll()

    assert desk.mention(f"mastodon:{question}@127.0.0.1:{server.port}").text == ""
