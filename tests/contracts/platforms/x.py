"""X by the small server of tests/fakes/x_api.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.x.messages import XMessages
from listener.platforms.x.source import XAccount, XFeed, XSender, XSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Reset
from tests.fakes.x_api import KEYS, FakeX
from tests.faults.http import HttpFaults

FEEDS = (*XFeed, "dms")
_ACCOUNT = XAccount("fernway", "Fernway")


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeX(times) as fake:
        yield _messages(fake, clock, times) if feed == "dms" else _rig(fake, XFeed(feed), clock, times)


def _rig(fake: FakeX, feed: XFeed, clock: Clock, times: ServerClock) -> Rig:
    fake.add_user("10", "Fernway", me=True)
    fake.add_user("20", "ana")
    author = "10" if feed is XFeed.OWN else "20"
    ids = [fake.add_post(author, f"@Fernway help {number}") for number in range(27)]
    fake.raw = {ids[3]: {"id": ids[3], "text": "nobody wrote it"}, ids[15]: "no post at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"data": [{"id": "1'), Answer(429, {})))
    return Rig(
        platform="x",
        clock=clock,
        open_source=lambda: XSource(
            _ACCOUNT,
            KEYS,
            feed=feed,
            query="help" if feed is XFeed.SEARCH else "",
            now=clock,
            base_url=fake.url,
            page_size=10,
            overlap_seconds=0,
            timeout_seconds=PATIENCE_SECONDS,
        ),
        expected={f"x:{post_id}" for post_id in ids if post_id not in fake.raw},
        break_it=lambda: fake.fail("/2/", next(faults)),
        open_sender=lambda: XSender(
            {_ACCOUNT: KEYS}, now=clock, base_url=fake.url, timeout_seconds=PATIENCE_SECONDS
        ),
        post=ids[0],
        public=lambda: sum(post.author_id == "10" for post in fake.posts.values()),
        order=lambda fault: fake.fail("/2/tweets", fault),
        write=lambda text: f"x:{fake.add_post(author, f'@Fernway {text}')}",
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith(("/2/users/10/", "/2/tweets/search")),
            is_write=lambda method, path: method == "POST" and path.startswith("/2/tweets"),
            times=times,
            endless=lambda page, number: page | {"meta": page["meta"] | {"next_token": f"endless{number}"}},
        ),
    )


def _messages(fake: FakeX, clock: Clock, times: ServerClock) -> Rig:
    """Direct messages, sent and received by the same account."""
    fake.add_user("10", "Fernway", me=True)
    fake.add_user("20", "ana")
    ids = [fake.messages.add("20", "10-20", f"help {number}", times()) for number in range(27)]
    fake.messages.raw = {ids[3]: {"id": ids[3], "text": "nobody wrote it"}, ids[15]: "no message at all"}
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"data": [{"id": "1'), Answer(429, {})))
    return Rig(
        platform="x",
        clock=clock,
        open_source=lambda: XMessages(
            _ACCOUNT, KEYS, now=clock, base_url=fake.url, page_size=10, timeout_seconds=PATIENCE_SECONDS
        ),
        expected={f"x:dm:{event_id}" for event_id in ids if event_id not in fake.messages.raw},
        break_it=lambda: fake.fail("/2/", next(faults)),
        trace=lambda mention_id: mention_id.rpartition(":")[2],
        write=lambda text: f"x:dm:{fake.messages.add('20', '10-20', text, times())}",
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith("/2/dm_events"),
            times=times,
            endless=lambda page, number: page | {"meta": page["meta"] | {"next_token": f"endless{number}"}},
        ),
    )
