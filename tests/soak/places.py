"""Where people write during a soak: fakes of four platforms with twenty sources between them.

What each holds at the end is the truth to which the store is compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from tests.fakes.bluesky_api import PASSWORD, FakeBluesky
from tests.fakes.bluesky_jetstream import FakeJetstream
from tests.fakes.clock import Clock
from tests.fakes.mastodon_api import TOKEN as MASTODON_TOKEN
from tests.fakes.mastodon_api import FakeMastodon
from tests.fakes.telegram_api import GROUP, FakeTelegram
from tests.fakes.telegram_api import TOKEN as TELEGRAM_TOKEN
from tests.fakes.x_api import KEYS, FakeX
from tests.faults.http import HttpFaults

_REPLY = re.compile(r"\bR\d{4}\b")
"""Each reply of a soak holds a number of its own."""
_TOPIC = "help"


class Place(Protocol):
    """A server on which people write to the brand."""

    name: str
    sources: int
    """How many sources read it."""
    settings: dict[str, Any]
    secrets: dict[str, str]
    faults: HttpFaults
    deletes: bool
    """Whether the platform tells of a deletion within a poll or two."""

    def write(self, number: int, text: str) -> str:
        """Somebody new writes this; the id of the mention."""
        ...

    def edit(self, mention_id: str, text: str) -> None: ...

    def delete(self, mention_id: str) -> None: ...

    def replies(self) -> Counter[str]:
        """How often each reply is public, by its number."""
        ...


def counted(texts: Iterable[str]) -> Counter[str]:
    return Counter(number for text in texts for number in _REPLY.findall(text))


class XPlace:
    sources, deletes = 3, False

    def __init__(self, name: str, fake: FakeX, clock: Clock) -> None:
        self.name, self._fake = name, fake
        fake.add_user("10", "Fernway", me=True)
        self.settings = {
            "type": "x",
            "name": name,
            "brand": name,
            "handle": "Fernway",
            "listen": _TOPIC,
            "base_url": fake.url,
        }
        self.secrets = {
            key.upper(): getattr(KEYS, key).get_secret_value()
            for key in (
                "bearer_token",
                "consumer_key",
                "consumer_secret",
                "access_token",
                "access_token_secret",
            )
        }
        self._now_called: dict[str, str] = {}
        """The present version of an edited post, by its first id."""
        self.faults = HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith(("/2/users/10/", "/2/tweets/search")),
            is_write=lambda method, path: method == "POST" and path.startswith("/2/tweets"),
            endless=lambda page, number: page | {"meta": page["meta"] | {"next_token": f"endless{number}"}},
        )

    def write(self, number: int, text: str) -> str:
        with self._fake.lock:
            self._fake.add_user(str(1000 + number), f"u{number}")
            return f"x:{self._fake.add_post(str(1000 + number), f'@Fernway {_TOPIC} {text}')}"

    def edit(self, mention_id: str, text: str) -> None:
        first = mention_id.partition(":")[2]
        with self._fake.lock:
            present = self._now_called.get(first, first)
            self._now_called[first] = self._fake.edit(present, f"@Fernway {_TOPIC} {text}")

    def delete(self, mention_id: str) -> None:
        raise NotImplementedError

    def replies(self) -> Counter[str]:
        with self._fake.lock:
            return counted(post.text for post in self._fake.posts.values() if post.author_id == "10")


class MastodonPlace:
    sources, deletes = 3, True

    def __init__(self, name: str, fake: FakeMastodon, clock: Clock) -> None:
        self.name, self._fake = name, fake
        fake.add_account("10", "fernway", me=True)
        self.settings = {
            "type": "mastodon",
            "name": name,
            "brand": name,
            "server": fake.url,
            "hashtags": ["fernway"],
        }
        self.secrets = {"ACCESS_TOKEN": MASTODON_TOKEN}
        pages = ("/api/v1/notifications", "/api/v1/accounts/10/", "/api/v1/timelines/")
        self.faults = HttpFaults(
            fake,
            clock,
            is_page=lambda method, path: method == "GET" and path.startswith(pages),
            is_write=lambda method, _: method == "POST",
        )

    def write(self, number: int, text: str) -> str:
        with self._fake.lock:
            self._fake.add_account(str(1000 + number), f"u{number}@far.example")
            status_id = self._fake.add(str(1000 + number), f"@fernway {text} #fernway")
        return f"mastodon:{status_id}@127.0.0.1:{self._fake.port}"

    def edit(self, mention_id: str, text: str) -> None:
        with self._fake.lock:
            self._fake.edit(_local(mention_id), f"@fernway {text} #fernway")

    def delete(self, mention_id: str) -> None:
        with self._fake.lock:
            self._fake.delete(_local(mention_id))

    def replies(self) -> Counter[str]:
        with self._fake.lock:
            return counted(s.text for s in self._fake.statuses.values() if s.account_id == "10")


class BlueskyPlace:
    sources, deletes = 3, True

    def __init__(self, name: str, fake: FakeBluesky, jetstream: FakeJetstream, clock: Clock) -> None:
        self.name, self._fake = name, fake
        self._me = fake.add_person("fernway", me=True)
        self.settings = {
            "type": "bluesky",
            "name": name,
            "brand": name,
            "handle": "fernway.example",
            "server": fake.url,
            "listen": _TOPIC,
            "jetstream": [jetstream.url],
        }
        self.secrets = {"APP_PASSWORD": PASSWORD}
        pages = (
            "/xrpc/app.bsky.notification.listNotifications",
            "/xrpc/app.bsky.feed.getAuthorFeed",
        )
        self.faults = HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.startswith(pages),
            is_write=lambda _, path: path.endswith("repo.putRecord"),
            endless=lambda page, number: page | {"cursor": f"endless{number}"},
        )

    def write(self, number: int, text: str) -> str:
        with self._fake.lock:
            person = self._fake.add_person(f"u{number}")
            return f"bluesky:{self._fake.add(person, f'@fernway.example {_TOPIC} {text}')}"

    def edit(self, mention_id: str, text: str) -> None:
        with self._fake.lock:
            self._fake.edit(mention_id.partition(":")[2], f"@fernway.example {_TOPIC} {text}")

    def delete(self, mention_id: str) -> None:
        with self._fake.lock:
            self._fake.delete(mention_id.partition(":")[2])

    def replies(self) -> Counter[str]:
        with self._fake.lock:
            return counted(p.record["text"] for p in self._fake.posts.values() if p.did == self._me)


class TelegramPlace:
    sources, deletes = 1, False

    def __init__(self, name: str, fake: FakeTelegram, clock: Clock, group: int) -> None:
        self.name, self._fake = name, fake
        self._chat = {"id": group, "type": "supergroup", "title": "Fernway users"}
        self._messages: dict[str, dict[str, Any]] = {}
        self.settings = {
            "type": "telegram",
            "name": name,
            "brand": name,
            "base_url": fake.url,
            "interval": "60s",
        }
        self.secrets = {"BOT_TOKEN": TELEGRAM_TOKEN}
        self.faults = HttpFaults(
            fake,
            clock,
            is_page=lambda _, path: path.endswith("/getUpdates"),
            is_write=lambda _, path: path.endswith("/sendMessage"),
        )

    def write(self, number: int, text: str) -> str:
        person = {"id": 1000 + number, "is_bot": False, "first_name": f"No {number}"}
        with self._fake.lock:
            message = self._fake.say(text, **{"from": person, "chat": self._chat})
        mention_id = f"telegram:{self._chat['id']}:{message['message_id']}"
        self._messages[mention_id] = message
        return mention_id

    def edit(self, mention_id: str, text: str) -> None:
        message = self._messages[mention_id] | {"text": text}
        with self._fake.lock:
            self._fake.tell({"edited_message": message | {"edit_date": int(self._fake.clock().timestamp())}})

    def delete(self, mention_id: str) -> None:
        raise NotImplementedError

    def replies(self) -> Counter[str]:
        with self._fake.lock:
            return counted(str(sent.get("text")) for sent in self._fake.sent)


def _local(mention_id: str) -> str:
    return mention_id.partition(":")[2].partition("@")[0]


@contextmanager
def all_places(clock: Clock) -> Iterator[list[Place]]:
    """Eight servers with twenty sources."""
    with ExitStack() as stack:
        places: list[Place] = [XPlace("x", stack.enter_context(FakeX(clock)), clock)]
        for number in range(4):
            places.append(MastodonPlace(f"masto{number}", stack.enter_context(FakeMastodon(clock)), clock))
        fake, jetstream = stack.enter_context(FakeBluesky(clock)), stack.enter_context(FakeJetstream(clock))
        fake.on_event = jetstream.tell
        jetstream.trouble = lambda method, path: fake.trouble(method, path)  # noqa: PLW0108  (it changes)
        places.append(BlueskyPlace("bsky", fake, jetstream, clock))
        for number in range(2):
            bot = stack.enter_context(FakeTelegram(clock))
            places.append(TelegramPlace(f"bot{number}", bot, clock, GROUP - number))
        assert sum(place.sources for place in places) == 20
        yield places
