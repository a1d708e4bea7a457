"""X's filtered stream: it only makes the search look sooner, and the search remains the truth.

A post that the stream tells of is read by the next search, whose cursor commits with it; so nothing is lost
with a broken connection or a killed process. X charges for it once: what was charged for is free for the rest
of its UTC day ("Pricing", "Deduplication", 2026).
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import requests
import urllib3.exceptions

from desk.errors import InputError, StoreError
from desk.ports import Now
from listener.cut import Cut
from listener.news import News
from listener.platforms.x.api import DEFAULT_BASE_URL, XClient, XCredentials, XError, explain
from listener.platforms.x.meter import BudgetError, Hold, Limit, Meter
from listener.platforms.x.posts import is_id
from listener.platforms.x.rules import keep_in_step
from listener.runner import Stop

log = logging.getLogger(__name__)

INDEX_SECONDS = 35.0
"""A search ends 30 s ago, and what it has not indexed it does not find."""
SAVING_SECONDS = 600.0
"""Wait before looking again whether the budget allows a stream."""
LINE_LIMIT_BYTES = 1_000_000
_ROUTE = "/2/tweets/search/stream"
_POSTS_A_HOLD = 20
_CHUNK_BYTES = 65_536
_CAPPED = "usage-capped"
"""How X ends a stream whose app may read no more ("Handling disconnections")."""


class XStream:
    """All rules of one app: X allows it one connection. `run` in a thread of its own; the rest from any."""

    def __init__(
        self,
        credentials: XCredentials,
        rules: Mapping[str, str],
        *,
        now: Now,
        random: Callable[[], float],
        base_url: str = DEFAULT_BASE_URL,
        silence_seconds: float = 40,
        timeout_seconds: float = 30,
        meter: Meter | None = None,
    ) -> None:
        """`rules` by source name. X sends a sign of life every 20 s; after `silence_seconds` without one the
        connection counts as dead. `random` gives numbers in [0, 1), for the jitter. Raises InputError."""
        if credentials.bearer_token is None:
            raise InputError("X's filtered stream needs the app's bearer token; set it, or stream = false.")
        self._client = XClient(
            XCredentials(bearer_token=credentials.bearer_token),
            now=now,
            base_url=base_url,
            timeout_seconds=timeout_seconds,
        )
        self._rules, self._meter, self._random = rules, meter, random
        self._silence_seconds = silence_seconds
        self._news = News(INDEX_SECONDS)

    def waits(self, stop: Stop, interval_seconds: float) -> Stop:
        """A stop for `run_source` whose waits up to `interval_seconds` end soon after the next post.

        Longer waits are those that the platform or the budget asks for: nothing shortens them.
        """
        return self._news.waits(stop, interval_seconds)

    def run(self, stop: Stop) -> None:
        """Listen until `stop` is set, connecting again after every break, as X's documentation asks."""
        cut = Cut(stop)
        backoff = Backoff()
        while not stop.is_set():
            wait = SAVING_SECONDS
            try:
                if self._meter is None or not self._meter.spares:
                    for _ in self._posts(stop, cut):
                        backoff = Backoff()
                    problem, wait = "X ended the stream", backoff.after(None)
                else:
                    problem = "the month's budget has to last"
            except XError as error:
                problem, wait = str(error), backoff.after(error)
            except (BudgetError, StoreError) as error:
                problem = str(error)
            if stop.is_set():
                return
            wait *= 1 + self._random() / 4  # never sooner than asked
            log.info("X stream: %s. Polling goes on; next try in %.1f s.", problem, wait)
            stop.wait(wait)

    def _posts(self, stop: Stop, cut: Cut) -> Iterator[None]:
        """Yields at every sign of life. Raises XError, BudgetError and StoreError."""
        ours = keep_in_step(self._client, self._rules)
        with _Count(self._meter) as count:
            response = self._client.stream(_ROUTE, {"tweet.fields": "id"}, self._silence_seconds)
            with response, cut.reading(_socket_of(response)):
                # Nobody knows what the stream would have told before it was open.
                self._news.wake()
                for line in _lines(response, self._silence_seconds):
                    if stop.is_set():
                        return
                    yield
                    if line:
                        self._note(line, ours, count)

    def _note(self, line: bytes, ours: frozenset[str], count: _Count) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return  # the search finds whatever it was
        if "data" not in event and "errors" in event:
            detail, _ = explain(event)
            capped = _CAPPED in json.dumps(event)
            raise XError(f"X ended the stream: {detail or 'unexplained'}", status=402 if capped else None)
        data = event.get("data")
        post_id = data.get("id") if isinstance(data, dict) else None
        matching = event.get("matching_rules")
        listed = matching if isinstance(matching, list) else []
        rules = [str(rule.get("id")) for rule in listed if isinstance(rule, dict)]
        # Other programs' rules of the same app send their posts, too; they cost the same.
        if not rules or not ours.isdisjoint(rules):
            self._news.wake()
        count.post(post_id if is_id(post_id) else None)


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next connection ("Handling disconnections"). Made anew by every success."""

    network_seconds: float = 0.0
    http_seconds: float = 0.0
    limited_seconds: float = 0.0

    def after(self, error: XError | None) -> float:
        """None: the connection ended without an error."""
        status = None if error is None else error.status
        if status is None:
            self.network_seconds = min(self.network_seconds + 0.25, 16.0)
            return self.network_seconds
        asked = (error.retry_after if error is not None else None) or 0.0
        if status == 429:
            self.limited_seconds = min(max(60.0, self.limited_seconds * 2), 3_600.0)
            return max(self.limited_seconds, asked)
        self.http_seconds = min(max(5.0, self.http_seconds * 2), 320.0)
        return max(self.http_seconds, asked)


class _Count:
    """Counts the posts of one connection, each of them before anything else is done with the next."""

    def __init__(self, meter: Meter | None) -> None:
        self._meter = meter
        self._hold: Hold | None = None
        self._ids: list[str | None] = []

    def __enter__(self) -> _Count:
        """Raises BudgetError and StoreError."""
        self._reserve()
        return self

    def __exit__(self, *_: object) -> None:
        if self._hold is not None:
            self._hold.came(self._ids)
            self._hold = None

    def post(self, post_id: str | None) -> None:
        """Raises BudgetError where the next ones may cost too much, or have to last."""
        self._ids.append(post_id)
        if self._hold is not None and len(self._ids) >= _POSTS_A_HOLD:
            self.__exit__()
            self._ids = []
            self._reserve()

    def _reserve(self) -> None:
        if self._meter is None:
            return
        if self._meter.spares:
            raise BudgetError("the month's budget has to last", final=False)
        self._hold = self._meter.hold(self._meter.streamed(_POSTS_A_HOLD), Limit.READING, _ROUTE)


def _socket_of(response: requests.Response) -> socket.socket | None:
    """What has to be shut down to end a read: no library says where it is, so look in both places."""
    connection = getattr(response.raw, "connection", None)
    found = getattr(connection, "sock", None)
    if found is None:
        buffered = getattr(getattr(response.raw, "_fp", None), "fp", None)
        found = getattr(getattr(buffered, "raw", None), "_sock", None)
    return found if isinstance(found, socket.socket) else None


def _lines(response: requests.Response, silence_seconds: float) -> Iterator[bytes]:
    """Lines without their ends, as soon as they come. Raises XError for a silence and an endless line."""
    rest = b""
    while True:
        try:
            part = response.raw.read1(_CHUNK_BYTES)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise XError(f"X gave no sign of life for {silence_seconds:g} s") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise XError("the connection to X broke") from error
        if not part:
            return
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
        if len(rest) > LINE_LIMIT_BYTES:
            raise XError(f"X sent a line of more than {LINE_LIMIT_BYTES:,} bytes")
