"""Bluesky by a small server of tests/fakes/bluesky_api.py and a Jetstream host beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from desk.model.query import parse
from desk.ports import Source
from listener.platforms.bluesky.feeds import BlueskyFeed
from listener.platforms.bluesky.keywords import BlueskyKeywords
from listener.platforms.bluesky.sender import BlueskySender
from listener.platforms.bluesky.source import BlueskySource
from tests.contracts.rig import Rig
from tests.fakes.bluesky_api import FakeBluesky
from tests.fakes.bluesky_jetstream import FakeJetstream
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Reset
from tests.faults.http import HttpFaults

FEEDS = (*BlueskyFeed, "keywords")
_PAGES = (
    "/xrpc/app.bsky.notification.listNotifications",
    "/xrpc/app.bsky.feed.getAuthorFeed",
)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeBluesky(times) as fake, FakeJetstream(times) as jetstream:
        fake.on_event = jetstream.tell
        # What goes wrong with the one goes wrong with the other.
        jetstream.trouble = lambda *request: fake.trouble(*request)  # noqa: PLW0108  (it is set later)
        yield _rig(fake, jetstream, feed, clock, times)


def _rig(fake: FakeBluesky, jetstream: FakeJetstream, feed: str, clock: Clock, times: ServerClock) -> Rig:
    brand = fake.add_person("fernway", me=True)
    author = brand if feed == BlueskyFeed.OWN else fake.add_person("ana")
    ids = []
    for number in range(27):
        if feed == "keywords" and number == 3:
            jetstream.say('{"did": "did:plc:')
        if feed == "keywords" and number == 15:
            broken = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "3kbad"}
            record = {"text": ["help"]}
            commit = broken | {"record": record, "cid": "bafyreibad"}
            jetstream.tell({"did": author, "kind": "commit", "commit": commit})
        ids.append(fake.add(author, f"@fernway.example help {number}"))
    if feed != "keywords":
        fake.raw = {ids[3]: {"uri": ids[3], "post": {"uri": ids[3]}}, ids[15]: "no post at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"posts": [{"id": "1'), Answer(429, {})))

    def open_source() -> Source:
        client = fake.client()
        if feed == "keywords":
            return BlueskyKeywords(
                client,
                brand="fernway",
                query=parse("help"),
                hosts=[jetstream.url],
                now=clock,
                page_size=10,
                interval_seconds=60,
                patience_seconds=0.15,
                timeout_seconds=PATIENCE_SECONDS,
            )
        return BlueskySource(client, brand="fernway", feed=BlueskyFeed(feed), now=clock, page_size=10)

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/xrpc/app.bsky", *[fault] * (2 if isinstance(fault, Reset) else 1))

    def write(text: str) -> str:
        return f"bluesky:{fake.add(author, f'@fernway.example {text}')}"

    return Rig(
        platform="bluesky",
        clock=clock,
        open_source=open_source,
        expected={f"bluesky:{uri}" for uri in ids if uri not in fake.raw},
        break_it=break_it,
        open_sender=lambda: BlueskySender({"fernway": fake.client()}, now=clock),
        post=ids[0],
        public=lambda: sum(post.did == brand and "reply" in post.record for post in fake.posts.values()),
        order=fake.fail_write,
        write=write,
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith(_PAGES),
            is_write=lambda _, path: path.endswith("repo.putRecord"),
            times=times,
            endless=lambda page, number: page | {"cursor": f"endless{number}"},
        ),
        handle="fernway.example",
    )
