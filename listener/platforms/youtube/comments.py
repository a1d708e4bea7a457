"""From YouTube's comment threads to mentions.

The listing gives threads, newest first; an answer to an old thread does not bring it up again, so threads
that were brought are asked for their number of answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from desk.model.mention import Author, Mention
from listener.listing import Page, RecordError
from listener.platforms.youtube import YouTubeSettings
from listener.platforms.youtube.api import GROUP, ID, KEPT_FOR_REPLIES, RIGHTS, YouTube, words_of
from listener.text import moment_of, one_line

SOURCE = "youtube"
OVERLAP_SECONDS = 6 * 3600.0
"""A comment that was held for review shows hours later, under the time at which it was written."""
_WATCHED = 100
"""Threads that are asked for new answers."""


class CommentListing:
    """The comment threads of one channel, with their answers. See `listener.listing.Listing`."""

    rights = RIGHTS
    address = "Check the channel's id, and that comments are not turned off for it."
    reach = "YouTube gave no older comments."

    def __init__(self, api: YouTube, settings: YouTubeSettings) -> None:
        self._api, self._settings = api, settings

    def page(self, token: str | None, since: datetime, marks: Mapping[str, int]) -> Page:
        del since
        params: dict[str, object] = {
            "part": "snippet,replies",
            "allThreadsRelatedToChannelId": self._settings.channel,
            "order": "time",
            "maxResults": self._settings.page_size,
        }
        params |= {"pageToken": token} if token else {}
        threads, following = self._api.items("/commentThreads", params, keep=KEPT_FOR_REPLIES)
        return self._opened(threads, following, marks)

    def again(self, known: Sequence[str], marks: Mapping[str, int]) -> Page | None:
        watched = list(dict.fromkeys(comment.partition(".")[0] for comment in known))[:_WATCHED]
        threads: list[Any] = []
        for begin in range(0, len(watched), GROUP):
            params = {"part": "snippet,replies", "id": ",".join(watched[begin : begin + GROUP])}
            threads += self._api.items("/commentThreads", params, keep=KEPT_FOR_REPLIES)[0]
        return self._opened(threads, None, marks)

    def key(self, record: Any) -> str:
        found = record.get("id") if isinstance(record, dict) else None
        return f"comment {found}" if isinstance(found, str) and ID.fullmatch(found) else ""

    def read(self, record: Any, received_at: datetime) -> Mention | None:
        snippet = record.get("snippet") if isinstance(record, dict) else None
        if not isinstance(snippet, dict) or not self.key(record):
            raise RecordError('"id" or "snippet" is missing')
        thread = record["id"].partition(".")[0]
        author, words = author_of(snippet, record["id"]), words_of(snippet)
        from_brand = author.external_id == self._settings.channel
        # All answers hang on the thread's head, also those that speak to somebody else in it by name.
        answers_head = thread != record["id"] and not (from_brand and words.startswith("@"))
        return Mention(
            source=SOURCE,
            external_id=record["id"],
            conversation_id=thread,
            in_reply_to=thread if answers_head else None,
            brand=self._settings.brand,
            author=author,
            from_brand=from_brand,
            created_at=time_of(snippet.get("publishedAt")),
            received_at=received_at,
            text=words,
            url=url_of(snippet.get("videoId"), record["id"]),
        )

    def _opened(self, threads: Iterable[Any], following: str | None, marks: Mapping[str, int]) -> Page:
        """Threads with their answers in a row, all answers where their number is not the known one."""
        records: list[Any] = []
        counts: dict[str, int] = {}
        for thread in threads:
            snippet = thread.get("snippet") if isinstance(thread, dict) else None
            top = snippet.get("topLevelComment") if isinstance(snippet, dict) else None
            if not isinstance(snippet, dict) or not isinstance(top, dict) or not self.key(top):
                records.append(thread)
                continue
            replies = thread.get("replies")
            shown = replies.get("comments") if isinstance(replies, dict) else None
            answers = shown if isinstance(shown, list) else []
            total = snippet.get("totalReplyCount")
            if isinstance(total, int) and total > len(answers) and total != marks.get(top["id"]):
                answers = self._api.answers(top["id"], keep=KEPT_FOR_REPLIES)
                # A number that runs ahead of the list is asked for again.
                counts[top["id"]] = min(total, len(answers))
            video = snippet.get("videoId")
            records += [_of_video(comment, video) for comment in (top, *answers)]
        return Page(records, following, self._api.units.headroom(), marks=counts)


def _of_video(comment: Any, video: object) -> Any:
    """A comment with its video, which only its thread names."""
    snippet = comment.get("snippet") if isinstance(comment, dict) else None
    return {**comment, "snippet": {"videoId": video, **snippet}} if isinstance(snippet, dict) else comment


def author_of(snippet: Mapping[str, Any], comment: str) -> Author:
    channel = snippet.get("authorChannelId")
    found = channel.get("value") if isinstance(channel, dict) else None
    shown = snippet.get("authorDisplayName")
    name = one_line(shown, 200) if isinstance(shown, str) else ""
    if not isinstance(found, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", found):
        return Author(f"unknown:{comment}", name.lstrip("@") or "unknown", name)
    return Author(found, name.lstrip("@") or found, name)


def time_of(value: object) -> datetime:
    if not isinstance(value, str):
        raise RecordError('"publishedAt" is missing')
    try:
        return moment_of(value)
    except ValueError as error:
        raise RecordError(f'"publishedAt" {error}') from error


def url_of(video: object, comment: str) -> str | None:
    if not isinstance(video, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", video):
        return None
    return f"https://www.youtube.com/watch?v={video}&lc={comment}"
