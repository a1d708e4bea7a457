"""Mastodon by the small server of tests/fakes/mastodon_api.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.mastodon.source import MastodonFeed, MastodonSender, MastodonSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Reset
from tests.fakes.mastodon_api import FakeMastodon
from tests.faults.http import HttpFaults

FEEDS = tuple(MastodonFeed)
_TOPICS = {MastodonFeed.HASHTAG: "fernway", MastodonFeed.SEARCH: "help"}


def _is_page(method: str, path: str) -> bool:
    pages = ("/api/v1/notifications", "/api/v1/accounts/10/", "/api/v1/timelines/", "/api/v2/search")
    return method == "GET" and path.startswith(pages)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeMastodon(times) as fake:
        yield _rig(fake, MastodonFeed(feed), clock, times)


def _rig(fake: FakeMastodon, feed: MastodonFeed, clock: Clock, times: ServerClock) -> Rig:
    fake.add_account("10", "fernway", me=True)
    fake.add_account("20", "ana@far.example")
    author = "10" if feed is MastodonFeed.OWN else "20"
    ids = [fake.add(author, f"@fernway help {number} #fernway") for number in range(27)]
    fake.raw = {ids[3]: {"id": ids[3], "content": "nobody wrote it"}, ids[15]: "no post at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'[{"id": "1'), Answer(429, {})))

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    return Rig(
        platform="mastodon",
        clock=clock,
        open_source=lambda: MastodonSource(
            fake.account(),
            feed=feed,
            query=_TOPICS.get(feed, ""),
            now=clock,
            page_size=10,
            timeout_seconds=PATIENCE_SECONDS,
        ),
        expected={f"mastodon:{i}@127.0.0.1:{fake.port}" for i in ids if i not in fake.raw},
        break_it=break_it,
        open_sender=lambda: MastodonSender([fake.account()], now=clock, timeout_seconds=PATIENCE_SECONDS),
        post=f"{ids[0]}@127.0.0.1:{fake.port}",
        public=lambda: sum(status.account_id == "10" for status in fake.statuses.values()),
        order=fake.fail_post,
        write=lambda text: f"mastodon:{fake.add(author, f'@fernway {text} #fernway')}@127.0.0.1:{fake.port}",
        faults=HttpFaults(fake, clock, _is_page, is_write=lambda method, _: method == "POST", times=times),
        handle="fernway@social.example",
    )
