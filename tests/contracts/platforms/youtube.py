"""YouTube by the small server of tests/fakes/youtube_api.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.youtube_api import CHANNEL, FakeYouTube
from tests.faults.http import HttpFaults

FEEDS = ("comments",)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeYouTube(times) as fake:
        yield _rig(fake, clock, times)


def _endless(body: Any, number: int) -> Any:
    return {**body, "nextPageToken": str(number % 3)} if isinstance(body, dict) else body


def _rig(fake: FakeYouTube, clock: Clock, times: ServerClock) -> Rig:
    ids = [fake.add(f"help {number}") for number in range(27)]
    fake.raw = {ids[3]: {"id": ids[3], "snippet": {"nobody": "wrote it"}}, ids[15]: "no thread at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"items": [{"id": "1'), Answer(429, {})))

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    return Rig(
        platform="youtube",
        clock=clock,
        open_source=lambda: fake.connected(clock, page_size=10).feeds[0].source,
        expected={f"youtube:{name}" for name in ids if name not in fake.raw},
        break_it=break_it,
        open_sender=lambda: fake.connected(clock).senders["youtube"],
        post=ids[0],
        public=lambda: len(fake.by(CHANNEL)),
        order=fake.fail_post,
        write=lambda text: f"youtube:{fake.add(text)}",
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith("/commentThreads?") and "&id=" not in path,
            is_write=lambda method, path: method == "POST" and path.startswith("/comments"),
            times=times,
            endless=_endless,
        ),
    )
