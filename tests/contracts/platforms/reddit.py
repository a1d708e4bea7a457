"""Reddit by the small server of tests/fakes/reddit_api.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from desk.ports import Source
from listener.platforms.reddit.posts import Feed
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.reddit_api import ACCOUNT, FakeReddit
from tests.faults.http import HttpFaults

FEEDS = ("comments", "inbox", "own", "new", "search")


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeReddit(times) as fake:
        yield _rig(fake, Feed(feed), clock, times)


def source_of(fake: FakeReddit, feed: Feed, clock: Clock, **facts: Any) -> Source:
    feeds = fake.connected(clock, listen="help", **facts).feeds
    return next(each.source for each in feeds if each.source.name.split(":")[1] == feed)


def _endless(body: Any, number: int) -> Any:
    return {**body, "data": {**body["data"], "after": f"t1_{number:x}"}} if isinstance(body, dict) else body


def _rig(fake: FakeReddit, feed: Feed, clock: Clock, times: ServerClock) -> Rig:
    top = fake.add("Ask us anything", "moderator")
    author = ACCOUNT if feed is Feed.OWN else "ana"

    def write(text: str) -> str:
        under = None if feed in {Feed.NEW, Feed.SEARCH} else top
        return fake.add(f"u/fernway help {text}", author, under=under)

    ids = [write(str(number)) for number in range(27)]
    fake.raw = {
        ids[3]: {"kind": ids[3][:2], "data": {"name": ids[3], "author": "ana"}},
        ids[15]: "no record at all",
    }
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"kind": "Li'), Answer(429, {})))

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    # The post under which the comments stand is in the feed of posts as well, but holds no "help".
    return Rig(
        platform="reddit",
        clock=clock,
        open_source=lambda: source_of(fake, feed, clock, page_size=10),
        expected={f"reddit:{name}" for name in ids if name not in fake.raw},
        break_it=break_it,
        open_sender=lambda: fake.connected(clock).senders["reddit"],
        post=ids[0],
        public=lambda: len(fake.by(ACCOUNT)),
        order=fake.fail_post,
        write=lambda text: f"reddit:{write(text)}",
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith(("/r/", "/message/", "/search")),
            is_write=lambda _, path: path.startswith("/api/comment"),
            times=times,
            endless=_endless,
        ),
        handle=ACCOUNT,
    )
