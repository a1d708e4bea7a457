"""What each request to X costs, held against the month's budget before it is sent.

A request reserves the most that it can cost; its answer replaces that by what came. So a process that is
killed in between has counted too much, never too little.

X charges for each object that it returns, once in a UTC day however often it is asked for ("Pricing",
"Deduplication", 2026), and only for answers that bring something. What was counted today is remembered in
memory alone: after a restart it may be counted twice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from threading import Lock
from typing import Any

from desk.errors import StoreError
from desk.model.spending import (
    HELD,
    UNANSWERED,
    Budget,
    Charge,
    Pace,
    Spent,
    Standing,
    day,
    month_bounds,
    month_of,
)
from desk.ports import Ledger, Now
from listener.platforms.x.prices import XPrices, micro_usd

log = logging.getLogger(__name__)

LONGEST_PAUSE = timedelta(days=1)
"""However little is left, a feed is looked at once a day."""
_REFERENCED = 2
"""Other posts that a post brings along at most: the one it answers and the one it quotes."""
_PART = 50
"""A page reserves no more than a fiftieth of a month's budget, where X gives pages as small."""
_LINK = re.compile(r"https?://|\b[\w-]+\.[a-z]{2,}", re.IGNORECASE)
"""Rather too much than too little: X makes a link of every bare host name."""
_TIMELINE = re.compile(r"/2/users/\d+/(?:mentions|tweets)")
_MESSAGES = re.compile(r"/2/dm_events|/2/dm_conversations/[^/]+/dm_events")


class Limit(Enum):
    READING = "reading"
    """Held to the caps, and by a stop of any other feed of the account."""
    SENDING = "sending"
    """Held to the caps."""
    NONE = "none"
    """Counted, never held back."""


class BudgetError(Exception):
    """A request was not sent: it could cost more than what is left."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final
        """False while other requests are under way, whose reservations may come back."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that X charges for."""

    kind: str
    price: int
    """In millionths of a dollar."""
    read: bool = False
    """Counts towards the cap in reads."""
    key: str | None = None
    """Its id among its like; None for what is charged each time."""
    count: int = 1
    """0 for the rest of a price, of something that was counted before."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What one request can cost."""

    each: Resource
    most: int
    """Objects that it asks for."""
    users: int = 0
    """Users that come along, at most."""
    posts: int = 0
    """Posts that come along, at most."""


class Meter:
    """Counts for one [[sources]] of X: all its feeds, look-ups and replies. Used by several threads."""

    def __init__(
        self,
        budget: Budget,
        *,
        ledger: Ledger,
        now: Now,
        prices: XPrices | None = None,
        feeds: int = 1,
        owned_reads: bool = False,
        bill_included: bool = True,
    ) -> None:
        """`feeds` share what is left. `bill_included`: X's pages do not say whether the authors and posts
        that a page brings along are charged; unless told otherwise they are counted."""
        prices = prices or XPrices()
        self.budget = budget
        self._ledger, self._now, self._feeds, self._included = ledger, now, feeds, bill_included
        self._post = Resource("post", micro_usd(prices.post), read=True)
        self._owned = Resource("own post", micro_usd(prices.owned_post), read=True)
        self._timeline = self._owned if owned_reads else self._post
        self._user = Resource("user", micro_usd(prices.user))
        self._message = Resource("direct message", micro_usd(prices.direct_message), read=True)
        self._reply = Resource("reply", micro_usd(prices.reply))
        self._linked = Resource("reply with a link", micro_usd(prices.reply_with_link))
        self._sent = Resource("sent direct message", micro_usd(prices.sent_direct_message))
        self._lock = Lock()
        self._day: date | None = None
        self._seen: dict[tuple[str, str], int] = {}
        self._unanswered: set[str] = set()
        self._under_way = 0
        self._stopped_month = ""

    def standing(self) -> Standing:
        """Raises StoreError."""
        now = self._now()
        stopped = self._stopped_month == month_of(now)
        return Standing(self.budget, self._ledger.spent(self.budget.account, now), now, stopped)

    @property
    def spares(self) -> bool:
        """What is left has to last: read little, and let nothing come unasked. Raises StoreError."""
        return self.budget.capped and self.standing().pace is not Pace.FREE

    def pause_seconds(self, interval_seconds: float, cost: Spent) -> float:
        """How long a feed waits after a fetch of that cost. Raises StoreError.

        What cost nothing is followed by the plain interval. Where the budget must last, what did cost is
        followed by as much of the month as it took of what was left.
        """
        if not self.spares:
            return interval_seconds
        now = self._now()
        standing, (_, ends) = self.standing(), month_bounds(now)
        shares = [0.0]
        for used, cap, spent in (
            (cost.micro_usd, self.budget.micro_usd, standing.spent.micro_usd),
            (cost.reads, self.budget.reads, standing.spent.reads),
        ):
            if cap is not None and used > 0:
                shares.append(used / max(1, cap - spent))
        pause = self._feeds * max(shares) * (ends - now).total_seconds()
        return max(interval_seconds, min(pause, LONGEST_PAUSE.total_seconds()))

    def page_size(self, most: int) -> int:
        """How many posts to ask for at once: what one request reserves is lost when it never ends."""
        with_others = self._included
        cost = self._post.price + with_others * (self._user.price + _REFERENCED * self._post.price)
        reads = 1 + with_others * _REFERENCED
        sizes = [most]
        if self.budget.micro_usd is not None:
            sizes.append(self.budget.micro_usd // (_PART * max(1, cost)))
        if self.budget.reads is not None:
            sizes.append(self.budget.reads // (_PART * reads))
        return min(sizes)

    def stop(self) -> float:
        """Nothing more is read in this month; the seconds until it is worth asking again."""
        now = self._now()
        self._stopped_month = month_of(now)
        try:
            self._ledger.stop(self.budget, now)
        except StoreError as error:
            log.error("%s reads nothing more this month, which could not be noted: %s", self._name, error)
        return min((month_bounds(now)[1] - now).total_seconds(), 3_600.0)

    def tariff(
        self, method: str, route: str, params: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Tariff | None:
        """What a request can cost; None where X charges nothing for it."""
        if method == "POST":
            if route == "/2/tweets":
                return Tariff(self._linked if _LINK.search(str(body.get("text"))) else self._reply, 1)
            return Tariff(self._sent, 1) if route.startswith("/2/dm_conversations/") else None
        most = int(params.get("max_results", 100))
        expansions = str(params.get("expansions", "")) if self._included else ""
        if _MESSAGES.fullmatch(route):
            return Tariff(self._message, most, users=most if expansions else 0)
        if route == "/2/users/me" or route.startswith("/2/users/by/"):
            return Tariff(self._user, 1)
        if route == "/2/tweets":
            each, most = self._post, len(str(params.get("ids", "")).split(","))
        elif _TIMELINE.fullmatch(route):
            each = self._timeline
        elif route == "/2/tweets/search/recent":
            each = self._post
        else:
            return None
        users = most if "author_id" in expansions else 0
        posts = most * _REFERENCED if "referenced_tweets.id" in expansions else 0
        return Tariff(each, most, users, posts)

    def streamed(self, most: int) -> Tariff:
        """What so many posts of a stream cost."""
        return Tariff(self._post, most)

    def hold(self, tariff: Tariff, limit: Limit, what: str) -> Hold:
        """Reserve the most that a request can cost. `what` names the request, the same each time.

        Raises BudgetError where that is more than what is left, and StoreError.
        """
        now = self._now()
        parts = ((tariff.each, tariff.most), (self._user, tariff.users), (self._post, tariff.posts))
        charge = Charge(
            HELD,
            1,
            sum(part.price * count for part, count in parts),
            sum(count for part, count in parts if part.read),
        )
        if limit is Limit.NONE:
            self._ledger.add(self.budget.account, [charge], now)
        elif (limit is Limit.READING and self._stopped_month == month_of(now)) or not self._ledger.reserve(
            self.budget, charge, now
        ):
            with self._lock:
                final = not self._under_way
            raise BudgetError(self._refusal(now), final=final)
        with self._lock:
            self._under_way += 1
        return Hold(self, tariff, charge, now, what)

    @property
    def _name(self) -> str:
        return self.budget.account

    def _refusal(self, now: datetime) -> str:
        used = Standing(self.budget, self._ledger.spent(self._name, now), now).used()
        _, ends = month_bounds(now)
        return (
            f"the budget of {self._name} for {now:%B} is used up ({used}) until {day(ends)}; raise "
            "monthly_budget_usd or monthly_reads to go on sooner"
        )

    def close(self, hold: Hold, came: Iterable[Resource]) -> Spent:
        """Put what came in the place of the reservation; what was newly counted. Never raises: where it
        cannot be written the reservation stays, which is more."""
        with self._lock:
            self._under_way -= 1
            new = list(self._unbilled(came))
            charges = [_back(hold.charge)]
            for kind in dict.fromkeys(resource.kind for resource in new):
                alike = [resource for resource in new if resource.kind == kind]
                price, reads = sum(r.price for r in alike), sum(r.read for r in alike)
                charges.append(Charge(kind, sum(r.count for r in alike), price, reads))
            if not self._write(hold, charges):
                return Spent(hold.charge.micro_usd, hold.charge.reads)
            for resource in new:
                if resource.key is not None:
                    key = (_family(resource.kind), resource.key)
                    self._seen[key] = self._seen.get(key, 0) + resource.price
        return Spent(sum(r.price for r in new), sum(r.read for r in new))

    def _write(self, hold: Hold, charges: list[Charge]) -> bool:
        try:
            self._ledger.add(self._name, charges, hold.at)
        except StoreError as error:
            log.warning("%s: a request is counted at its highest price: %s", self._name, error)
            return False
        return True

    def keep(self, hold: Hold) -> bool:
        """Whether a reservation stays because no answer came: X may have charged, but not twice in a day."""
        with self._lock:
            self._turn_day()
            if hold.what in self._unanswered:
                return False
            self._unanswered.add(hold.what)
            self._under_way -= 1
            kept = replace(hold.charge, kind=UNANSWERED)
            self._write(hold, [_back(hold.charge), kept])
            return True

    def of_answer(self, tariff: Tariff, body: Mapping[str, Any]) -> list[Resource]:
        """What an answer brought. Whatever cannot be read is charged all the same."""
        if tariff.each in (self._reply, self._linked, self._sent):
            return [tariff.each]
        data = body.get("data", [])
        came = _each(tariff.each, data if isinstance(data, list) else [data])
        includes = body.get("includes")
        if self._included and isinstance(includes, dict):
            came += _each(self._user, includes.get("users"))
            came += _each(self._post, includes.get("tweets"))
        return came

    def _unbilled(self, came: Iterable[Resource]) -> Iterable[Resource]:
        """What has not been charged today; of what was charged at a lower price, the rest."""
        self._turn_day()
        seen = dict(self._seen)
        for resource in came:
            if resource.key is None:
                yield resource
                continue
            key = (_family(resource.kind), resource.key)
            if key not in seen:
                yield resource
            elif resource.price > seen[key]:
                yield replace(resource, price=resource.price - seen[key], read=False, count=0)
            seen[key] = max(resource.price, seen.get(key, 0))

    def _turn_day(self) -> None:
        today = self._now().date()
        if today != self._day:
            self._day = today
            self._seen.clear()
            self._unanswered.clear()


class Hold:
    """A reservation for one request. Ends by exactly one of its methods."""

    def __init__(self, meter: Meter, tariff: Tariff, charge: Charge, at: datetime, what: str) -> None:
        self.charge, self.at, self.what = charge, at, what
        self._meter, self._tariff = meter, tariff

    def answered(self, body: Mapping[str, Any]) -> Spent:
        """X sent this; what was newly counted."""
        return self._meter.close(self, self._meter.of_answer(self._tariff, body))

    def came(self, ids: Iterable[str | None]) -> Spent:
        """Objects with these ids came, of the kind that was asked for."""
        return self._meter.close(self, [replace(self._tariff.each, key=key) for key in ids])

    def refused(self) -> None:
        """X did nothing, or never heard of it."""
        self._meter.close(self, [])

    def unanswered(self, *, repeatable: bool) -> Spent:
        """It left, and nobody knows what came of it. What is `repeatable` is asked again, free of charge."""
        if repeatable and not self._meter.keep(self):
            self._meter.close(self, [])
            return Spent()
        if not repeatable:
            self._meter.close(self, [self._tariff.each])
        return Spent(self.charge.micro_usd, self.charge.reads)


def _each(like: Resource, objects: object) -> list[Resource]:
    if not isinstance(objects, list):
        return []
    return [replace(like, key=_id(each)) for each in objects]


def _back(charge: Charge) -> Charge:
    return replace(charge, count=-charge.count, micro_usd=-charge.micro_usd, reads=-charge.reads)


def _id(each: object) -> str | None:
    value = each.get("id") if isinstance(each, dict) else None
    return value if isinstance(value, str) else None


def _family(kind: str) -> str:
    """An own post is a post: whoever has paid for one has paid for it."""
    return "post" if kind == "own post" else kind
