"""From VK's posts and comments to mentions.

No feed tells of comments, so posts that were brought are asked for their number of comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from desk.model.mention import Author, Mention, Replyable
from listener.api_errors import ApiError
from listener.listing import Page, RecordError
from listener.platforms.vk import VkSettings
from listener.platforms.vk.api import RIGHTS, Vk, key_of, named, words_of
from listener.text import one_line

SOURCE = "vk"
_CUT_AT = 900
"""Beyond so many results, the end of a search is VK's limit of a thousand ("newsfeed.search")."""
_WATCHED = 50
_CLOSED = Replyable(allowed=False, reason="Comments are closed under this post.")


class Kind(StrEnum):
    MENTIONS = "mentions"
    """Posts and comments that name the community."""
    WALL = "wall"
    """Posts on the community's wall, its own and its visitors'."""
    SEARCH = "search"
    """Public posts that hold a word or phrase."""


@dataclass(frozen=True)
class PostListing:
    """One feed of one community. See `listener.listing.Listing`."""

    vk: Vk
    settings: VkSettings
    kind: Kind
    words: str = ""
    rights = RIGHTS
    address = "Check the community's number."
    reach = "VK's search gives a thousand posts at most, and none of them reaches back so far."

    def page(self, token: str | None, since: datetime, marks: Mapping[str, int]) -> Page:
        del marks
        passed, _, place = (token or "0").partition(" ")
        if not passed.isdecimal():
            raise ApiError("the page to go on from is none of VK's", status=400)
        owner, size = -self.settings.group, self.settings.page_size
        asked: dict[str, object] = {"count": size, "extended": 1}
        match self.kind:
            case Kind.SEARCH:
                asked |= {"q": self.words, "start_time": int(since.timestamp())}
                items, whole = self.vk.items(
                    "newsfeed.search", **asked, **({"start_from": place} if place else {})
                )
            case Kind.MENTIONS:
                asked |= {"owner_id": owner, "start_time": int(since.timestamp()), "offset": passed}
                items, whole = self.vk.items("newsfeed.getMentions", **asked)
            case Kind.WALL:
                items, whole = self.vk.items("wall.get", **asked, owner_id=owner, offset=passed)
        count = int(passed) + len(items)
        place = str(whole.get("next_from") or "")
        more = bool(place) if self.kind is Kind.SEARCH else len(items) == size
        cut = self.kind is Kind.SEARCH and not more and count >= _CUT_AT
        return Page(named(items, whole), f"{count} {place}".strip() if more else None, cut=cut)

    def again(self, known: Sequence[str], marks: Mapping[str, int]) -> Page | None:
        posts = list(dict.fromkeys("_".join(post.split("_")[:2]) for post in known))[:_WATCHED]
        shown, _ = self.vk.items("wall.getById", posts=",".join(posts))
        records: list[Any] = []
        counts: dict[str, int] = {}
        for item in shown:
            comments = item.get("comments") if isinstance(item, dict) else None
            count, post = comments.get("count") if isinstance(comments, dict) else None, key_of(item)
            if isinstance(count, int) and count != marks.get(post, 0) and post in posts:
                owner, _, number = post.partition("_")
                records += self.vk.comments(owner, number)
                counts[post] = count
        return Page(records, marks=counts)

    def key(self, record: Any) -> str:
        return f"post {key_of(record)}" if key_of(record) else ""

    def read(self, record: Any, received_at: datetime) -> Mention | None:
        if not isinstance(record, dict) or not key_of(record):
            raise RecordError('"owner_id" or "id" is missing')
        if record.get("deleted"):
            return None
        writer = record.get("from_id", record.get("owner_id"))
        if not isinstance(writer, int):
            raise RecordError('"from_id" is missing')
        owner, post, comment = (*key_of(record).split("_"), "")[:3]
        answered = record.get("reply_to_comment")
        conversation = f"{owner}_{post}"
        from_brand = writer == -self.settings.group
        comments = record.get("comments")
        closed = isinstance(comments, dict) and comments.get("can_post") == 0
        return Mention(
            source=SOURCE,
            external_id=key_of(record),
            conversation_id=conversation,
            in_reply_to=(
                f"{conversation}_{answered}" if isinstance(answered, int) and answered else conversation
            )
            if comment
            else None,
            brand=self.settings.brand,
            author=_author(writer, record.get("answerback_names")),
            from_brand=from_brand,
            created_at=time_of(record.get("date")),
            received_at=received_at,
            text=words_of(record),
            url=f"https://vk.com/wall{conversation}" + (f"?reply={comment}" if comment else ""),
            replyable=_CLOSED if closed and not from_brand else Replyable(),
        )


def _author(writer: int, names: object) -> Author:
    number = f"id{writer}" if writer > 0 else f"club{-writer}"
    known = names if isinstance(names, dict) else {}
    shown = " ".join(str(known[key]) for key in ("name", "first_name", "last_name") if known.get(key))
    handle = known.get("screen_name")
    usable = isinstance(handle, str) and re.fullmatch(r"[\w.]{1,64}", handle)
    return Author(number, str(handle) if usable else number, one_line(shown, 200))


def time_of(value: object) -> datetime:
    if not isinstance(value, int) or not 946_684_800 <= value < 4_102_444_800:
        raise RecordError('"date" is missing, or outside 2000 to 2100')
    return datetime.fromtimestamp(value, UTC)
