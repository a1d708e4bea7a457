"""A feed by the small site of tests/fakes/rss_site.py. A feed cannot be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random

from listener.platforms.rss.source import RssSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Reset
from tests.fakes.rss_site import FakeSite
from tests.faults.http import HttpFaults
from tests.faults.kinds import Kind

FEEDS = ("feed",)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeSite(times) as fake:
        yield _rig(fake, clock, times)


def _id(entry: str) -> str:
    return f"rss:{sha256(entry.encode()).hexdigest()[:24]}"


def _shuffled(body: bytes) -> bytes:
    head, *entries = body.replace(b"</feed>", b"").split(b"<entry>")
    chance = Random(5)  # noqa: S311
    return b"<entry>".join([head, *chance.sample(entries, len(entries))]) + b"</feed>"


def _rig(fake: FakeSite, clock: Clock, times: ServerClock) -> Rig:
    ids = [fake.add(f"help {number}") for number in range(27)]
    fake.posts[3].raw = "<entry><id>urn:post:3</id><updated>2026-03-10T08:00:00Z</updated></entry>"
    fake.posts[15].raw = "<entry><id>urn:post:15</id><title>When?</title><updated>soon</updated></entry>"
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b"<rss><cha"), Answer(429, {})))

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    return Rig(
        platform="rss",
        clock=clock,
        open_source=lambda: RssSource(fake.settings(), now=clock, timeout_seconds=PATIENCE_SECONDS),
        expected={_id(entry) for place, entry in enumerate(ids) if place not in {3, 15}},
        break_it=break_it,
        write=lambda text: _id(fake.add(text)),
        trace=lambda mention_id: next(p.id for p in fake.posts if _id(p.id) == mention_id),
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith("/feed.xml"),
            times=times,
            endless=lambda body, number: re.sub(rb"page=\d+", b"page=%d" % (100 + number), body),
            rewrite={
                Kind.WRONG_PAGE: lambda _: b"<html><body><p>Welcome to our new site!</p></body></html>",
                Kind.WRONG_FIELDS: lambda body: re.sub(rb"<updated>[^<]*", b"<updated>soon", body),
                Kind.OUT_OF_ORDER: _shuffled,
            },
        ),
    )
