"""What every source promises: nothing lost, nothing doubled, whatever fails and whenever it is killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from desk.errors import SourceError
from desk.ports import Batch, Source
from listener.platforms.mastodon.source import MastodonFeed, MastodonSource
from listener.platforms.replay.source import ReplaySource
from listener.platforms.x.source import XAccount, XFeed, XSource
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.mastodon_api import FakeMastodon
from tests.fakes.replay_file import post, write
from tests.fakes.x_api import KEYS, FakeX


@dataclass(frozen=True)
class Harness:
    """A platform with 25 good posts and 2 bad ones, on more than two pages."""

    open: Callable[[], Source]
    """The source as a new process would make it."""
    expected: set[str]
    break_it: Callable[[], None]
    """The next fetch fails."""
    mend_it: Callable[[], None]


def _replay(tmp_path: Path) -> Harness:
    lines: list[object] = [post(n) for n in range(25)]
    lines[4:4] = [b'{"id": "4",']
    lines[20:20] = [b"\xff\xfe"]
    path, away = write(tmp_path / "posts.jsonl", lines, packed=True), tmp_path / "away"
    clock = Clock()
    return Harness(
        open=lambda: ReplaySource(path, now=clock, batch_size=10),
        expected={f"x:{n}" for n in range(25)},
        break_it=lambda: path.rename(away) and None,
        mend_it=lambda: away.rename(path) and None,
    )


def _x(fake: FakeX, feed: XFeed) -> Harness:
    fake.add_user("10", "Fernway", me=True)
    fake.add_user("20", "ana")
    author = "10" if feed is XFeed.OWN else "20"
    ids = [fake.add_post(author, f"@Fernway help {number}") for number in range(27)]
    fake.raw = {ids[3]: {"id": ids[3], "text": "nobody wrote it"}, ids[15]: "no post at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"data": [{"id": "1'), Answer(429, {})))
    return Harness(
        open=lambda: XSource(
            XAccount("fernway", "Fernway"),
            KEYS,
            feed=feed,
            query="help" if feed is XFeed.SEARCH else "",
            now=fake.clock,
            base_url=fake.url,
            page_size=10,
            overlap_seconds=0,
        ),
        expected={f"x:{post_id}" for post_id in ids} - {f"x:{ids[3]}", f"x:{ids[15]}"},
        break_it=lambda: fake.fail("/2/", next(faults)),
        mend_it=lambda: None,
    )


def _mastodon(fake: FakeMastodon, feed: MastodonFeed) -> Harness:
    fake.add_account("10", "fernway", me=True)
    fake.add_account("20", "ana@far.example")
    author = "10" if feed is MastodonFeed.OWN else "20"
    ids = [fake.add(author, f"@fernway help {number} #fernway") for number in range(27)]
    fake.raw = {ids[3]: {"id": ids[3], "content": "nobody wrote it"}, ids[15]: "no post at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'[{"id": "1'), Answer(429, {})))
    topics = {MastodonFeed.HASHTAG: "fernway", MastodonFeed.SEARCH: "help"}

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    return Harness(
        open=lambda: MastodonSource(
            fake.account(), feed=feed, query=topics.get(feed, ""), now=fake.clock, page_size=10
        ),
        expected={f"mastodon:{i}@127.0.0.1:{fake.port}" for i in ids if i not in fake.raw},
        break_it=break_it,
        mend_it=lambda: None,
    )


@pytest.fixture(
    params=["replay", *(f"x-{feed}" for feed in XFeed), *(f"mastodon-{feed}" for feed in MastodonFeed)]
)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    if request.param == "replay":
        yield _replay(tmp_path)
        return
    if request.param.startswith("mastodon-"):
        with FakeMastodon(Clock()) as server:
            yield _mastodon(server, MastodonFeed(request.param.removeprefix("mastodon-")))
        return
    with FakeX(Clock()) as fake:
        yield _x(fake, XFeed(request.param.removeprefix("x-")))


def keys(batches: list[Batch]) -> list[str]:
    return [mention.id for batch in batches for mention in batch.mentions]


def bad_positions(batches: list[Batch]) -> list[str]:
    return [bad.position for batch in batches for bad in batch.bad]


def drain(source: Source, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
        assert len(batches) < 50, "the source never comes to an end"
    return batches


def test_every_post_comes_once(harness: Harness) -> None:
    found = keys(drain(harness.open()))

    assert sorted(found) == sorted(harness.expected)


def test_bad_records_are_set_aside_each_with_its_place(harness: Harness) -> None:
    batches = drain(harness.open())

    places = bad_positions(batches)
    assert len(places) == len(set(places)) == 2
    for batch in batches:
        for bad in batch.bad:
            assert bad.reason
            assert isinstance(bad.raw, str)


def test_a_new_process_goes_on_from_every_cursor(harness: Harness) -> None:
    batches = [harness.open().fetch(None)]
    while batches[-1].more:
        batches.append(harness.open().fetch(batches[-1].cursor))

    assert sorted(keys(batches)) == sorted(harness.expected)
    assert len(bad_positions(batches)) == 2


def test_the_same_cursor_gives_the_same_posts(harness: Harness) -> None:
    source = harness.open()
    first = source.fetch(None)

    once, again = source.fetch(first.cursor), source.fetch(first.cursor)

    assert keys([once]) == keys([again])
    assert bad_positions([once]) == bad_positions([again])
    assert once.cursor == again.cursor


def test_at_the_end_nothing_more_comes_and_the_cursor_stays(harness: Harness) -> None:
    source = harness.open()
    last = drain(source)[-1]

    after = source.fetch(last.cursor)

    assert (keys([after]), bad_positions([after]), after.more) == ([], [], False)
    assert source.fetch(after.cursor).cursor == after.cursor


@pytest.mark.parametrize("pages", [0, 1, 2])
def test_a_failure_between_pages_loses_and_doubles_nothing(harness: Harness, pages: int) -> None:
    source = harness.open()
    batches: list[Batch] = []
    for _ in range(pages):
        batches.append(source.fetch(batches[-1].cursor if batches else None))
    cursor = batches[-1].cursor if batches else None
    harness.break_it()
    with pytest.raises(SourceError) as caught:
        harness.open().fetch(cursor)
    harness.mend_it()

    batches += drain(source, cursor)

    assert str(caught.value).strip()
    assert sorted(keys(batches)) == sorted(harness.expected)


def test_a_cursor_is_json_text(harness: Harness) -> None:
    for batch in drain(harness.open()):
        assert isinstance(json.loads(batch.cursor or ""), dict)


def test_times_are_aware_and_ids_carry_the_platform(harness: Harness) -> None:
    for batch in drain(harness.open()):
        for mention in batch.mentions:
            assert mention.created_at.utcoffset() is not None
            assert mention.received_at.utcoffset() is not None
            assert mention.id == f"{mention.source}:{mention.external_id}"


def test_a_source_keeps_its_name_and_says_how_often_to_ask(harness: Harness) -> None:
    assert harness.open().name == harness.open().name != ""
    assert harness.open().interval_seconds > 0
