"""VK by the small server of tests/fakes/vk_api.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from desk.ports import Source
from listener.platforms.vk.posts import Kind
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.vk_api import GROUP, FakeVk
from tests.faults.http import HttpFaults

FEEDS = tuple(Kind)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeVk(times) as fake:
        yield _rig(fake, Kind(feed), clock, times)


def source_of(fake: FakeVk, kind: Kind, clock: Clock, **facts: Any) -> Source:
    feeds = fake.connected(clock, listen="help", **facts).feeds
    return next(each.source for each in feeds if each.source.name.split(":")[1] == kind)


def _rig(fake: FakeVk, kind: Kind, clock: Clock, times: ServerClock) -> Rig:
    def write(text: str) -> str:
        return fake.add(f"[club{GROUP}|Fernway] help {text}")

    ids = [write(str(number)) for number in range(27)]
    owner, _, number = ids[3].partition("_")
    fake.raw = {ids[3]: {"owner_id": int(owner), "id": int(number)}, ids[15]: "no post at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"response": {"it'), Answer(429, {})))

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    pages = ("/method/newsfeed.", "/method/wall.get")
    return Rig(
        platform="vk",
        clock=clock,
        open_source=lambda: source_of(fake, kind, clock, page_size=10),
        expected={f"vk:{key}" for key in ids if key not in fake.raw},
        break_it=break_it,
        open_sender=lambda: fake.connected(clock).senders["vk"],
        post=ids[0],
        public=lambda: len(fake.by(-GROUP)),
        order=fake.fail_post,
        write=lambda text: f"vk:{write(text)}",
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith(pages),
            is_write=lambda _, path: path.startswith("/method/wall.createComment"),
            times=times,
        ),
        handle=f"club{GROUP}",
    )
