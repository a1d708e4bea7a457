"""The platform behind a replay: replies come back as posts, and scripted customers answer once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyId
from listener.platforms.replay.source import ReplaySource
from listener.platforms.replay.stage import ReplaySender, ReplayStage
from tests.fakes.clock import START, Clock
from tests.fakes.replay_file import DAY, post, write

SCRIPT = [{"after_seconds": 120, "text": "Still broken"}, {"after_seconds": 60, "text": "Thanks"}]


def outgoing(number: int = 1, *, to: str = "1", text: str = "Sorry! DM us.") -> Outgoing:
    return Outgoing(ReplyId(number), "Fernway", to, to, "ana", text, START)


def build(tmp_path: Path, clock: Clock, **settings: Any) -> tuple[ReplaySource, ReplaySender, ReplayStage]:
    lines = [
        post(0, from_brand=True, author={"id": "f", "handle": "FernwayHelp"}),
        post(1, answers=SCRIPT, lang="en"),
    ]
    stage = ReplayStage()
    source = ReplaySource(write(tmp_path / "f", lines), now=clock, stage=stage, **settings)
    return source, ReplaySender("x", stage, clock), stage


def test_a_reply_comes_back_as_the_brands_own_post(tmp_path: Path, clock: Clock) -> None:
    source, sender, _ = build(tmp_path, clock)
    first = source.fetch(None)
    clock.advance(30)

    sent = sender.send(outgoing())
    [reply] = source.fetch(first.cursor).mentions

    assert reply.external_id == sent.external_id
    assert reply.created_at == sent.created_at == START + timedelta(seconds=30)
    assert (reply.from_brand, reply.automatic, reply.in_reply_to, reply.conversation_id) == (
        True,
        False,
        "1",
        "1",
    )
    assert (reply.author.handle, sent.author_handle, sent.author_id) == ("FernwayHelp", "FernwayHelp", "f")
    assert reply.text == "Sorry! DM us."


def test_a_brand_that_never_wrote_gets_an_account_of_its_name(clock: Clock) -> None:
    sent = ReplaySender("mastodon", ReplayStage(), clock).send(outgoing())

    assert (sent.author_id, sent.author_handle) == ("fernway", "Fernway")


def test_the_customer_answers_after_the_first_reply_only(tmp_path: Path, clock: Clock) -> None:
    source, sender, _ = build(tmp_path, clock)
    cursor = source.fetch(None).cursor
    reply = sender.send(outgoing(1))
    sender.send(outgoing(2, text="And again"))
    clock.advance(59)
    early = source.fetch(cursor)
    clock.advance(61)
    late = source.fetch(early.cursor)
    clock.advance(10_000)

    assert [mention.from_brand for mention in early.mentions] == [True, True]
    assert [(m.text, m.created_at) for m in late.mentions] == [
        ("Thanks", START + timedelta(seconds=60)),
        ("Still broken", START + timedelta(seconds=120)),
    ]
    for answer in late.mentions:
        assert (answer.author.handle, answer.in_reply_to, answer.conversation_id) == (
            "ana",
            reply.external_id,
            "1",
        )
        assert not answer.from_brand
    assert not source.fetch(late.cursor).mentions


def test_a_script_is_not_played_again_when_its_post_is_fetched_again(tmp_path: Path, clock: Clock) -> None:
    source, sender, _ = build(tmp_path, clock)
    source.fetch(None)
    sender.send(outgoing(1))
    again = source.fetch(None)
    sender.send(outgoing(2, text="And again"))
    clock.advance(500)

    texts = [mention.text for mention in source.fetch(again.cursor).mentions]

    assert sorted(texts) == ["And again", "Still broken", "Thanks"]


def test_answers_come_as_much_faster_as_the_replay_runs(tmp_path: Path, clock: Clock) -> None:
    source, sender, _ = build(tmp_path, clock, speed=60, rebase=True, live_from=DAY + timedelta(hours=1))
    cursor = source.fetch(None).cursor
    sender.send(outgoing())
    clock.advance(2)

    texts = [mention.text for mention in source.fetch(cursor).mentions]

    assert texts == ["Sorry! DM us.", "Thanks", "Still broken"]


def test_the_same_cursor_asked_again_brings_the_same_posts(tmp_path: Path, clock: Clock) -> None:
    source, sender, _ = build(tmp_path, clock)
    cursor = source.fetch(None).cursor
    sender.send(outgoing())

    def keys(mentions: Any) -> list[str]:
        return [mention.external_id for mention in mentions]

    once, again = source.fetch(cursor), source.fetch(cursor)

    assert keys(once.mentions) == keys(again.mentions) != []
    assert not source.fetch(again.cursor).mentions


def test_after_a_restart_scripts_and_accounts_of_passed_lines_are_known_again(
    tmp_path: Path, clock: Clock
) -> None:
    source, sender, _ = build(tmp_path, clock)
    cursor = source.fetch(None).cursor
    sender.send(outgoing(1, to="77"))
    cursor = source.fetch(cursor).cursor

    source, sender, _ = build(tmp_path, clock)
    source.fetch(cursor)
    sent = sender.send(outgoing(2))
    clock.advance(500)
    found: list[Mention] = list(source.fetch(cursor).mentions)

    assert sent.author_handle == "FernwayHelp"
    assert [mention.text for mention in found] == ["Sorry! DM us.", "Thanks", "Still broken"]


def test_one_reply_sent_from_many_threads_is_one_post(tmp_path: Path, clock: Clock) -> None:
    stage = ReplayStage()
    start = Barrier(8)
    sent: list[str] = []

    def work() -> None:
        start.wait()
        for number in range(50):
            sent.append(ReplaySender("x", stage, clock).send(outgoing(number)).external_id)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    arrived = [mention.external_id for mention in stage.arrived(after=0, now=clock())]
    assert len(arrived) == len(set(arrived)) == 50
    assert set(sent) == set(arrived)


def test_the_cursor_stays_readable_json(tmp_path: Path, clock: Clock) -> None:
    source, sender, _ = build(tmp_path, clock)
    sender.send(outgoing())

    cursor = json.loads(source.fetch(None).cursor or "")

    assert cursor["line"] == 2
    assert cursor["staged"] == 1
    assert datetime.fromisoformat(cursor["anchor"]).astimezone(UTC) == START
