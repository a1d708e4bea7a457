"""The steps in their order: a backlog in small steps, and a run that ends when it is told to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from answerback import pipeline as module
from answerback.pipeline import Pipeline, replay, run
from answerback.terminal import PlainFormatter, one_line, plain
from desk.errors import SourceError, StoreError
from desk.model.alert import Notice, SourceNotice
from desk.model.mention import Mention
from desk.model.verdict import Verdict
from desk.ports import Batch, Looked
from desk.watch import AlertRules
from listener import platform
from tests.kernel import NOON, Desk, FakeChannel, WordPredictor, after, post


@pytest.fixture
def made(desk: Desk) -> Pipeline:
    return Pipeline(
        store=desk.store,
        predictor=desk.predictor,
        rules=desk.rules,
        alert_rules=AlertRules(),
        senders={},
        channels={},
        now=lambda: after(minutes=5),
    )


class Feed:
    """Gives its batches one by one; then nothing, or what it is told to raise."""

    name = "feed"
    interval_seconds = 0.01

    def __init__(self, *batches: Batch | Exception) -> None:
        self.batches = list(batches)
        self.fetched = threading.Event()

    def fetch(self, cursor: str | None) -> Batch:
        if not self.batches:
            self.fetched.set()
            return Batch(cursor=cursor)
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch


def test_a_backlog_is_worked_off_in_steps_that_can_be_stopped(made: Pipeline, desk: Desk) -> None:
    desk.record(*(post(str(n), thread=f"t{n}", by=f"u{n}") for n in range(300)))
    asked: list[int] = []

    class Counting(WordPredictor):
        def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
            asked.append(len(texts))
            return super().predict(texts, langs)

    counting = replace(made, predictor=Counting())
    assert counting.think(NOON) > 0
    assert 0 < asked[0] < 300
    assert 0 < len(desk.case_ids()) < 300, "what is classified is decided on before the rest is classified"
    while counting.think(NOON):
        pass
    assert (sum(asked), len(desk.case_ids())) == (300, 300)


def test_a_replay_works_off_what_a_run_before_it_left(made: Pipeline, desk: Desk) -> None:
    desk.record(post("1"), cursor="1")
    source = Feed(Batch([post("2", thread="t2", by="ben")], cursor="2"))
    result = replay(made, source, finished=lambda: not source.batches, wait=lambda _: None)
    assert (result.posts_read, result.mentions_new) == (1, 1)
    assert desk.case_ids() == [1, 2]


def test_a_run_ends_well_when_it_is_asked_to(made: Pipeline, desk: Desk) -> None:
    source, stop = Feed(Batch([post("1")], cursor="1")), threading.Event()

    def ask() -> None:
        source.fetched.wait(timeout=20)
        stop.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert run(made, [platform.Feed(source)], stop) is True
    asking.join(timeout=20)
    assert desk.mention("bluesky:1").text


class Stumbling(WordPredictor):
    """Fails on texts with a word in them."""

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        if any("poison" in text for text in texts):
            raise RuntimeError("no such kernel")
        return super().predict(texts, langs)


def with_one_that_is_not_read() -> Batch:
    texts = ("late", "poison", "bad")
    return Batch([post(str(n), text, thread=f"t{n}", by=f"u{n}") for n, text in enumerate(texts)])


def test_a_post_that_the_classifier_fails_on_holds_up_neither_the_run_nor_other_posts(
    made: Pipeline, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()

    class Chat(FakeChannel):
        def deliver(self, notice: Notice) -> None:
            super().deliver(notice)
            if len(self.took) == 3:
                stop.set()

    ready = replace(made, predictor=Stumbling(), channels={"chat": Chat()}, now=lambda: after(hours=2))
    giving_up = threading.Timer(30, stop.set)
    giving_up.start()
    assert run(ready, [platform.Feed(Feed(with_one_that_is_not_read()))], stop) is True
    giving_up.cancel()
    assert desk.case_ids() == [1, 2, 3]
    assert "the classifier failed on 1 posts, which are kept: answerback quarantine" in caplog.text


def test_the_next_run_asks_about_it_again(made: Pipeline, desk: Desk) -> None:
    desk.record(*with_one_that_is_not_read().mentions)
    while replace(made, predictor=Stumbling()).think(NOON):
        pass
    stop = threading.Event()

    class Reading(WordPredictor):
        def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
            asked.extend(texts)
            stop.set()
            return super().predict(texts, langs)

    asked: list[str] = []
    giving_up = threading.Timer(30, stop.set)
    giving_up.start()
    assert run(replace(made, predictor=Reading()), [], stop) is True
    giving_up.cancel()
    assert asked == ["poison"]


def test_a_replay_counts_what_the_classifier_fails_on_among_what_could_not_be_read(made: Pipeline) -> None:
    failing = replace(made, predictor=Stumbling())
    for again, predictor, unread in ((False, failing, 1), (True, failing, 1), (True, made, 0)):
        source = Feed(*([] if again else [with_one_that_is_not_read()]))
        result = replay(predictor, source, finished=lambda: True, wait=lambda _: None)
        assert (result.mentions_new, result.quarantined) == (0 if again else 3, unread)


def test_a_source_whose_token_is_wrong_is_told_to_the_team_by_the_run_itself(made: Pipeline) -> None:
    stop = threading.Event()

    class Chat(FakeChannel):
        def deliver(self, notice: Notice) -> None:
            super().deliver(notice)
            stop.set()

    chat = Chat()
    source = Feed(SourceError("401: check the token", permanent=True))
    giving_up = threading.Timer(30, stop.set)
    giving_up.start()
    assert run(replace(made, channels={"chat": chat}), [platform.Feed(source)], stop) is True
    giving_up.cancel()
    (notice,) = chat.took
    assert isinstance(notice, SourceNotice)
    assert (notice.source, notice.error, notice.permanent) == ("feed", "401: check the token", True)


def test_a_run_looks_at_held_posts_again(made: Pipeline, desk: Desk) -> None:
    desk.take(post("1", seen=after(days=-1)))
    stop = threading.Event()

    class Gone:
        name, source, batch_size, posts_per_day = "bluesky:deletions", "bluesky", 100, None

        def look(self, held: Sequence[Mention]) -> Looked:
            stop.set()
            return Looked(deleted=[each.id for each in held])

    giving_up = threading.Timer(30, stop.set)
    giving_up.start()
    assert run(made, [], stop, checkers=[Gone()]) is True
    giving_up.cancel()
    assert desk.mention("bluesky:1").text == ""


def test_a_defect_in_one_step_ends_all_and_is_told(
    made: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(module.watch, "raise_alerts", broken)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    assert run(made, [platform.Feed(Feed())], threading.Event()) is False
    assert "watch failed; stopping" in caplog.text


def test_a_store_that_fails_while_a_failure_is_noted_does_not_end_the_run(
    made: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: the fetch failed, and writing down that it failed fails as well."""
    source, stop = Feed(SourceError("no answer")), threading.Event()

    def full(*_: object) -> None:
        stop.set()
        raise StoreError("The disk is full.")

    monkeypatch.setattr(module.sources, "save_failure", full)
    with caplog.at_level(logging.ERROR):
        assert run(made, [platform.Feed(source)], stop) is True
    assert "feed: The disk is full." in caplog.text


def test_a_step_that_hangs_is_left_after_the_grace(
    made: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    stop, release = threading.Event(), threading.Event()

    class Hanging(Feed):
        def fetch(self, cursor: str | None) -> Batch:
            stop.set()
            release.wait(timeout=20)
            return Batch(cursor=cursor)

    try:
        with caplog.at_level(logging.WARNING):
            assert run(made, [platform.Feed(Hanging())], stop) is True
        assert "feed is still busy and is left" in caplog.text
    finally:
        release.set()
        for thread in threading.enumerate():
            if thread.name == "feed":
                thread.join(timeout=20)


def test_log_lines_are_harmless() -> None:
    record = logging.LogRecord("answerback", logging.WARNING, "", 0, "said %s", ("\x1b[2J\u202e\x00",), None)
    assert PlainFormatter("%(message)s").format(record) == "said  [2J  "


def test_plain_words() -> None:
    assert plain("ok\nnext\x1b[31m\r\x9b\u2066ü漢😀") == "ok\nnext [31m   ü漢😀"
    assert one_line("a\n\tb  c" + "x" * 500, 8) == "a b cxxx"
