"""From Reddit's listings to mentions.

A listing goes from the newest record back by `after`, the name of the last one read, and ends after about a
thousand. Behind a name that has been deleted meanwhile there is nothing, which looks like the end: so the
names before it are tried as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from desk.model.mention import Author, Mention, Replyable
from listener.api_errors import ApiError
from listener.json_api import Answer, ApiClient
from listener.listing import Page, RecordError
from listener.platforms.reddit import RedditSettings
from listener.text import mend, web_address

SOURCE = "reddit"
GROUP = 100
"""Names in one request of `/api/info`."""
RIGHTS = (
    "Check the app's id and secret, the refresh token and its scopes, and that Reddit has approved the app."
)
NAME = re.compile(r"t[13]_[a-z0-9]{1,15}")
_ANCHORS = 3
_CUT_AT = 900
"""Beyond so many records, the end of a listing is Reddit's limit of a thousand ("API FAQ")."""
_GONE = frozenset({"[deleted]", "[removed]", "[deleted by user]", "[removed by reddit]"})
_CLOSED = Replyable(
    allowed=False, reason="Reddit takes no more answers here: the thread is locked or archived."
)
_LINK = re.compile(r"/comments/([a-z0-9]{1,15})(?:/|$)")


class Feed(StrEnum):
    INBOX = "inbox"
    """Answers to the account's posts and comments, and comments that name it."""
    OWN = "own"
    """The account's own comments: replies that were made natively, so that they stop clocks."""
    NEW = "new"
    """A subreddit's posts."""
    COMMENTS = "comments"
    """A subreddit's comments."""
    SEARCH = "search"
    """Posts anywhere that hold a word or phrase."""


class PostListing:
    """One feed of one account. See `listener.listing.Listing`."""

    rights = RIGHTS
    address = "Check the names of the subreddits and of the account."
    reach = "Reddit lists only its latest thousand or so, and none of them reaches back so far."

    def __init__(self, client: ApiClient, settings: RedditSettings, feed: Feed, topic: str = "") -> None:
        """`topic` is the subreddit, or the words to search for."""
        self._client, self._settings, self._feed, self._topic = client, settings, feed, topic

    def page(self, token: str | None, since: datetime, marks: Mapping[str, int]) -> Page:
        del since, marks
        passed, anchors = _read_token(token)
        answer, records, has_more = self._list(anchors[-1] if anchors else None, passed)
        for anchor in anchors[-2::-1]:
            if records:
                break
            answer, records, has_more = self._list(anchor, passed)
        if not records:
            return Page(records, None, answer.headroom, cut=token is not None)
        passed += len(records)
        names = [name for record in records if (name := _name(record))][-_ANCHORS:]
        following = f"{passed} {' '.join(names)}" if has_more and names else None
        return Page(records, following, answer.headroom, cut=following is None and passed >= _CUT_AT)

    def again(self, known: Sequence[str], marks: Mapping[str, int]) -> Page | None:
        del known, marks
        return None

    def key(self, record: Any) -> str:
        return f"post {_name(record)}" if _name(record) else ""

    def read(self, record: Any, received_at: datetime) -> Mention | None:
        data = record.get("data") if isinstance(record, dict) else None
        if not isinstance(data, dict):
            raise RecordError('"data" is missing')
        if record.get("kind") not in ("t1", "t3"):
            return None  # a private message
        name = _name(record)
        if not name:
            raise RecordError('"name" is missing')
        text = text_of(data)
        if text is None:
            return None  # deleted before it was read
        link = _link(data) or (name if name.startswith("t3_") else "")
        if not link:
            raise RecordError('"link_id" is missing')
        author = str(data["author"])
        parent = data.get("parent_id")
        from_brand = author.lower() == self._settings.account.lower()
        closed = data.get("locked") is True or data.get("archived") is True
        return Mention(
            source=SOURCE,
            external_id=name,
            conversation_id=link,
            in_reply_to=parent if isinstance(parent, str) and NAME.fullmatch(parent) else None,
            brand=self._settings.brand,
            # A name never changes; the account's number is not in every listing.
            author=Author(author.lower(), author),
            from_brand=from_brand,
            created_at=time_of(data),
            received_at=received_at,
            text=text,
            url=url_of(data),
            replyable=_CLOSED if closed and not from_brand else Replyable(),
        )

    def _list(self, anchor: str | None, passed: int) -> tuple[Answer, list[Any], bool]:
        params: dict[str, object] = {"limit": self._settings.page_size, "raw_json": 1}
        params |= {"after": anchor, "count": passed} if anchor else {}
        match self._feed:
            case Feed.INBOX:
                path = "/message/inbox"
                params["mark"] = "false"
            case Feed.OWN:
                path = f"/user/{self._settings.account}/comments"
                params["sort"] = "new"
            case Feed.NEW | Feed.COMMENTS:
                path = f"/r/{self._topic}/{self._feed}"
            case Feed.SEARCH:
                path = "/search"
                params |= {"q": self._topic, "sort": "new", "type": "link", "t": "week"}
        answer = self._client.get(path, params)
        return answer, *children(self._client, answer.data)


def children(client: ApiClient, data: Any) -> tuple[list[Any], bool]:
    """A listing's records, and whether there is more behind them. Raises ApiError."""
    listing = data.get("data") if isinstance(data, dict) else None
    listed = listing.get("children") if isinstance(listing, dict) else None
    if not isinstance(listing, dict) or not isinstance(listed, list):
        raise client.wrong("something else than a listing")
    return listed, isinstance(listing.get("after"), str)


def look_up(client: ApiClient, held: Sequence[Mention]) -> dict[str, str | None]:
    """The words of posts as they are now; None for one that is gone, or whose author is. Raises ApiError."""
    asked = [mention.external_id for mention in held if NAME.fullmatch(mention.external_id)]
    answer = client.get("/api/info", {"id": ",".join(asked), "raw_json": 1})
    records, _ = children(client, answer.data)
    found: dict[str, str | None] = dict.fromkeys(asked)
    for record in records:
        name, data = _name(record), record.get("data") if isinstance(record, dict) else None
        if name in found and isinstance(data, dict):
            try:
                found[name] = text_of(data)
            except RecordError:
                del found[name]
    return found


def text_of(data: Mapping[str, Any]) -> str | None:
    """The words as they were written (Markdown); None where they, or their author, are deleted."""
    author = data.get("author")
    if author is None or (isinstance(author, str) and author in _GONE):
        return None
    body = data.get("body", data.get("selftext"))
    if not isinstance(author, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", author):
        raise RecordError('"author" is missing')
    if not isinstance(body, str):
        raise RecordError('"body" is missing')
    if body.strip().lower() in _GONE or data.get("removed_by_category"):
        return None
    title = data.get("title") if "body" not in data else None
    parts = [mend(part).strip() for part in (title, body) if isinstance(part, str)]
    return "\n\n".join(part for part in parts if part) or "(no words)"


def time_of(data: Mapping[str, Any]) -> datetime:
    """Raises RecordError."""
    value = data.get("created_utc")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise RecordError('"created_utc" is missing')
    if not 946_684_800 <= value < 4_102_444_800:
        raise RecordError(f'"created_utc" is outside 2000 to 2100: {value}')
    return datetime.fromtimestamp(int(value), UTC)


def url_of(data: Mapping[str, Any]) -> str | None:
    path = data.get("permalink") or data.get("context")
    return web_address(f"https://www.reddit.com{path}") if isinstance(path, str) and path[:1] == "/" else None


def _name(record: Any) -> str:
    data = record.get("data") if isinstance(record, dict) else None
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"t\d_[a-z0-9]{1,15}", name) else ""


def _link(data: Mapping[str, Any]) -> str:
    """The post under which a comment stands; the inbox names it only within an address."""
    link = data.get("link_id")
    if isinstance(link, str) and NAME.fullmatch(link):
        return link
    found = _LINK.search(data["context"]) if isinstance(data.get("context"), str) else None
    return f"t3_{found[1]}" if found else ""


def _read_token(token: str | None) -> tuple[int, list[str]]:
    """How many records were passed, and the names of the last ones. Raises ApiError for another's token."""
    if token is None:
        return 0, []
    passed, *anchors = token.split(" ")
    if not passed.isdecimal() or not all(re.fullmatch(r"t\d_[a-z0-9]{1,15}", name) for name in anchors):
        raise ApiError("the page to go on from is none of Reddit's", status=400)
    return int(passed), anchors
