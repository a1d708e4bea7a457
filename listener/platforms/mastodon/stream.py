"""Server-sent events of a Mastodon server: they only shorten the wait, polling remains the truth.

An event that is missed costs nothing but time: what it told of is found by the next poll. So there is no
catching up after a break, and no post is ever taken from an event.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from desk.errors import InputError
from desk.ports import Now
from listener.api_errors import ApiError
from listener.cut import Cut
from listener.news import News
from listener.platforms.mastodon.account import MastodonAccount, is_id, server_url
from listener.platforms.mastodon.api import MastodonClient
from listener.platforms.mastodon.instance import read_instance
from listener.runner import Stop

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
REFUSED_RETRY_SECONDS = 900.0
"""A server without streaming, or a wrong token: polling goes on, so there is no hurry."""
LINE_LIMIT_BYTES = 1_000_000
_DELETED_LIMIT = 1_000
_TELLINGS = 3
"""A deletion is passed on as often, because a batch may fail to be stored."""
_WAKING = frozenset({"update", "notification", "status.update", "delete", "conversation"})


class MastodonStream:
    """One account's events, or those of one hashtag. `run` in a thread of its own; the rest from any."""

    def __init__(
        self,
        account: MastodonAccount,
        *,
        now: Now,
        random: Callable[[], float],
        hashtag: str | None = None,
        silence_seconds: float = 90,
        timeout_seconds: float = 30,
    ) -> None:
        """Servers send a sign of life every 15 s; after `silence_seconds` without one the connection counts
        as dead. `random` gives numbers in [0, 1), for the jitter. Raises InputError, see MastodonClient."""
        self._client = MastodonClient(account, now=now, timeout_seconds=timeout_seconds)
        self._path = "/api/v1/streaming/" + ("hashtag" if hashtag else "user")
        self._params = {"tag": hashtag.lstrip("#")} if hashtag else None
        self._silence_seconds, self._random = silence_seconds, random
        self._lock = threading.Lock()
        self._news = News()
        self._deleted: dict[str, int] = {}

    def waits(self, stop: Stop, interval_seconds: float) -> Stop:
        """A stop for `run_source` whose waits up to `interval_seconds` end with the next event."""
        return self._news.waits(stop, interval_seconds)

    def deleted(self) -> tuple[str, ...]:
        """Ids of statuses that the server says are gone, until `told` has been called often enough."""
        with self._lock:
            return tuple(self._deleted)

    def told(self, ids: Iterable[str]) -> None:
        """The deletions have been passed on once."""
        with self._lock:
            for status_id in ids:
                left = self._deleted.pop(status_id, 1) - 1
                if left > 0:
                    self._deleted[status_id] = left

    def run(self, stop: Stop) -> None:
        """Listen until `stop` is set, connecting again after every break, ever more slowly."""
        cut = Cut(stop)
        urls: list[str] = []
        failures = 0
        while not stop.is_set():
            try:
                urls = urls or self._urls()
                # The address that the server names first, and its own where that fails, by turns.
                for _ in self._events(urls[failures % len(urls)], stop, cut):
                    failures = 0
                problem, longest = f"{self._client.host} ended the stream", LONGEST_RETRY_SECONDS
            except ApiError as error:
                problem = str(error)
                refused = error.status is not None and 400 <= error.status < 500 and error.status != 429
                longest = REFUSED_RETRY_SECONDS if refused else LONGEST_RETRY_SECONDS
                longest = max(longest, error.retry_after or 0.0)
                if refused and failures >= len(urls):
                    failures = max(failures, 10)
            if stop.is_set():
                return
            failures += 1
            wait = min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10), longest) * (1 + self._random()) / 2
            log.info("Mastodon stream: %s. Polling goes on; next try in %.0f s.", problem, wait)
            stop.wait(wait)

    def _urls(self) -> list[str]:
        own = self._client.url
        named = read_instance(self._client).streaming_url
        urls = [own]
        if named is not None:
            # wss:// is https:// for those who read events instead of a web socket.
            with suppress(InputError):
                urls.insert(0, server_url(named.replace("ws", "http", 1)))
        return list(dict.fromkeys(urls))

    def _events(self, url: str, stop: Stop, cut: Cut) -> Iterator[None]:
        """Yields at every sign of life; takes note of the events on the way. Raises ApiError."""
        with (
            self._client.listen(url + self._path, self._params, self._silence_seconds) as response,
            cut.reading(response.extensions["network_stream"].get_extra_info("socket")),
        ):
            event = _Event()
            # Nobody knows what the stream would have told before it was open.
            self._news.wake()
            for line in _lines(response):
                if stop.is_set():
                    return
                if not line:
                    self._note(event)
                    event = _Event()
                else:
                    event.read(line)
                yield

    def _note(self, event: _Event) -> None:
        if event.name not in _WAKING:
            return
        with self._lock:
            if event.name == "delete" and is_id(event.status_id) and len(self._deleted) < _DELETED_LIMIT:
                self._deleted[event.status_id] = _TELLINGS
        self._news.wake()


@dataclass(slots=True)
class _Event:
    name: str = ""
    data: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        kind, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if kind == "event":
            self.name = value
        elif kind == "data":
            self.data.append(value)

    @property
    def status_id(self) -> str:
        """What a delete event names; some servers put it in quotes."""
        text = "\n".join(self.data).strip()
        with suppress(ValueError):
            value = json.loads(text) if text.startswith('"') else text
            return value if isinstance(value, str) else ""
        return ""


def _lines(response: httpx.Response) -> Iterator[str]:
    """Lines without their ends. Raises ApiError for one that never ends."""
    rest = b""
    for part in response.iter_bytes():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(rest) > LINE_LIMIT_BYTES:
            raise ApiError(f"{response.url.host} sent a line of more than {LINE_LIMIT_BYTES:,} bytes")
