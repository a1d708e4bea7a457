"""Telegram by the small server of tests/fakes/telegram_api.py; a bot cannot read back what it has posted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.telegram.sender import TelegramSender
from listener.platforms.telegram.source import TelegramSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import Answer, Reset
from tests.fakes.telegram_api import GROUP, FakeTelegram
from tests.faults.http import HttpFaults

FEEDS = ("updates",)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with FakeTelegram(times) as fake:
        yield _rig(fake, clock, times)


def _somebody(fake: FakeTelegram) -> dict[str, object]:
    number = fake.next_update
    return {"id": 1000 + number, "is_bot": False, "first_name": f"No {number}"}


def _rig(fake: FakeTelegram, clock: Clock, times: ServerClock) -> Rig:
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
        clock=clock,
        open_source=lambda: TelegramSource(
            fake.settings(interval="60s"), fake.bot(), now=clock, page_size=10
        ),
        expected={f"telegram:{GROUP}:{n}" for place, n in enumerate(ids) if place not in {3, 15}},
        break_it=break_it,
        open_sender=lambda: TelegramSender([("fernway", fake.bot())], now=clock),
        post=f"{GROUP}:{ids[0]}",
        public=lambda: len(fake.sent),
        order=fake.fail_post,
        reads_back=False,
        write=lambda text: f"telegram:{GROUP}:{fake.say(text, **{'from': _somebody(fake)})['message_id']}",
        faults=HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.endswith("/getUpdates"),
            is_write=lambda _, path: path.endswith("/sendMessage"),
            times=times,
        ),
        handle="fernway_bot",
    )
