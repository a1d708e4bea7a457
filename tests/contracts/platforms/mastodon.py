"""Mastodon by the small server of tests/fakes/mastodon_api.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.mastodon.source import MastodonFeed, MastodonSender, MastodonSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.mastodon_api import FakeMastodon

FEEDS = tuple(MastodonFeed)
_TOPICS = {MastodonFeed.HASHTAG: "fernway", MastodonFeed.SEARCH: "help"}


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    with FakeMastodon(Clock()) as fake:
        yield _rig(fake, MastodonFeed(feed))


def _rig(fake: FakeMastodon, feed: MastodonFeed) -> Rig:
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
        clock=fake.clock,
        open_source=lambda: MastodonSource(
            fake.account(), feed=feed, query=_TOPICS.get(feed, ""), now=fake.clock, page_size=10
        ),
        expected={f"mastodon:{i}@127.0.0.1:{fake.port}" for i in ids if i not in fake.raw},
        break_it=break_it,
        open_sender=lambda: MastodonSender([fake.account()], now=fake.clock, timeout_seconds=0.5),
        post=f"{ids[0]}@127.0.0.1:{fake.port}",
        public=lambda: sum(status.account_id == "10" for status in fake.statuses.values()),
        order=fake.fail_post,
        handle="fernway@social.example",
    )
