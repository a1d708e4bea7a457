"""Telegram by the small server of tests/fakes/telegram_api.py.

No sender: a bot cannot read back what it has posted, which tests/listener/test_telegram.py covers instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.telegram.source import TelegramSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.telegram_api import GROUP, FakeTelegram

FEEDS = ("updates",)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    with FakeTelegram(Clock()) as fake:
        yield _rig(fake)


def _rig(fake: FakeTelegram) -> Rig:
    ids = [fake.say(f"help {number}")["message_id"] for number in range(27)]
    del fake.updates[3]["message"]["from"]
    fake.updates[15]["message"] = "no message at all"
    faults = iter((Answer(503, b"busy"), Reset(), Answer(200, b'{"ok": tr'), Answer(429, {})))

    def break_it() -> None:
        # A read is tried again on a new connection, so a broken one has to break twice.
        fault = next(faults)
        fake.fail("/", *[fault] * (2 if isinstance(fault, Reset) else 1))

    return Rig(
        platform="telegram",
        clock=fake.clock,
        open_source=lambda: TelegramSource(fake.settings(), fake.bot(), now=fake.clock, page_size=10),
        expected={f"telegram:{GROUP}:{n}" for place, n in enumerate(ids) if place not in {3, 15}},
        break_it=break_it,
    )
