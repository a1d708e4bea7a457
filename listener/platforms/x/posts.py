"""From the X API's post objects to mentions. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.model.mention import Author, Mention, Replyable
from listener.text import language_of, mend, moment_of, web_address

SOURCE = "x"
POST_FIELDS = (
    "author_id,conversation_id,created_at,edit_controls,edit_history_tweet_ids,entities,"
    "in_reply_to_user_id,lang,note_tweet,public_metrics,referenced_tweets,withheld"
)
EXPANSIONS = "author_id,referenced_tweets.id"
USER_FIELDS = "id,name,username"

_TEXT_LIMIT = 100_000
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_FIRST_SNOWFLAKE = 1 << 35
"""Ids below it are older than the snowflake scheme and hold no time."""
_SHORTENED = re.compile(r"https?://t\.co/\w+")

NOT_SUMMONED = (
    "X lets an app answer only posts that mention or quote the brand's account; this one does neither. "
    "Listen only."
)


@dataclass(frozen=True, slots=True)
class XAccount:
    """The brand's own account."""

    brand: str
    handle: str
    """Without the @."""
    user_id: str | None = None
    """Looked up by the handle where it is not given; giving it saves a request a start."""


class PostError(ValueError):
    """The object is no post that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Includes:
    """What a page brought beside its posts."""

    users: Mapping[str, Mapping[str, Any]]
    posts: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, page: Mapping[str, Any]) -> Includes:
        includes = page.get("includes")
        includes = includes if isinstance(includes, dict) else {}
        return cls(_by_id(includes.get("users")), _by_id(includes.get("tweets")))


def _by_id(values: object) -> dict[str, Mapping[str, Any]]:
    if not isinstance(values, list):
        return {}
    return {v["id"]: v for v in values if isinstance(v, dict) and isinstance(v.get("id"), str)}


def is_id(value: object) -> bool:
    """A post or user id: up to 64 bits, in decimal digits."""
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20


def id_of(at: datetime) -> int:
    """The smallest id that a post of that moment can have."""
    return max(0, (int(at.timestamp() * 1000) - _SNOWFLAKE_EPOCH_MS) << 22)


def time_of(post_id: str) -> datetime | None:
    """When the id was given, to the millisecond; None for ids older than the scheme."""
    number = int(post_id)
    if number < _FIRST_SNOWFLAKE:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(number >> 22) + _SNOWFLAKE_EPOCH_MS)


def to_mention(
    post: object, includes: Includes, account: XAccount, account_id: str, received_at: datetime
) -> Mention | None:
    """One post as a mention; None for a retweet and for a version that a later edit replaced.

    The key is the first id of the edit history, so that an edit stays the same mention. Raises PostError.
    """
    if not isinstance(post, dict):
        raise PostError("not a JSON object")
    post_id, author_id = _required_id(post, "id"), _required_id(post, "author_id")
    versions = _versions(post, post_id)
    references = _references(post)
    # "Nothing lost" holds: the version that replaced it carries the same key, and is in the feed.
    if int(post_id) < max(map(int, versions)) or any(kind == "retweeted" for kind, _ in references):
        return None
    key = min(versions, key=int)
    text = text_of(post)
    created_at = _created_at(post)
    if key != post_id:
        created_at = time_of(key) or created_at
    replied_to = next((ref for kind, ref in references if kind == "replied_to"), None)
    conversation = post.get("conversation_id")
    author = author_of(author_id, includes)
    from_brand = author_id == account_id
    return Mention(
        source=SOURCE,
        external_id=key,
        # Some replies come without their conversation.
        conversation_id=str(conversation) if is_id(conversation) else replied_to or key,
        in_reply_to=replied_to,
        brand=account.brand,
        author=author,
        from_brand=from_brand,
        created_at=created_at,
        received_at=received_at,
        text=text,
        language=language_of(post["lang"]) if isinstance(post.get("lang"), str) else None,
        url=url_of(author.handle, post_id),
        replyable=Replyable()
        if from_brand
        else _replyable(_mentioned(post, text, account, account_id), references, includes, account_id),
    )


def text_of(post: Mapping[str, Any]) -> str:
    """The whole text: `note_tweet` where the post is a long one.

    X escapes &, < and > in it and puts a t.co address for every link: both are undone.
    """
    note = post.get("note_tweet")
    holder = note if isinstance(note, dict) and isinstance(note.get("text"), str) else post
    text = holder.get("text")
    if not isinstance(text, str):
        raise PostError('"text" is missing')
    if len(text) > _TEXT_LIMIT:
        raise PostError(f'"text" has {len(text):,} characters')
    return mend(_with_links(html.unescape(text), holder.get("entities")))


def _with_links(text: str, entities: object) -> str:
    urls = entities.get("urls") if isinstance(entities, dict) else None
    for link in urls if isinstance(urls, list) else []:
        short, target = (
            (link.get("url"), link.get("expanded_url")) if isinstance(link, dict) else (None, None)
        )
        # Only what X itself put there: a listed address must not rewrite the author's own words.
        if (
            isinstance(short, str)
            and isinstance(target, str)
            and _SHORTENED.fullmatch(short)
            and web_address(target)
        ):
            text = text.replace(short, target)
    return text


def replied_to(post: Mapping[str, Any]) -> str | None:
    return next((ref for kind, ref in _references(post) if kind == "replied_to"), None)


def url_of(handle: str, post_id: str) -> str:
    path = handle if re.fullmatch(r"\w{1,15}", handle, re.ASCII) else "i"
    return f"https://x.com/{path}/status/{post_id}"


def newest_version(post: Mapping[str, Any]) -> str:
    """The id of the last edit that this version of a post knows of; its own where there is none."""
    return max(_versions(post, post["id"]), key=int)


def _required_id(post: Mapping[str, Any], field: str) -> str:
    value = post.get(field)
    if not is_id(value):
        raise PostError(f'"{field}" is missing or no id')
    return str(value)


def _versions(post: Mapping[str, Any], post_id: str) -> list[str]:
    history = post.get("edit_history_tweet_ids")
    return [post_id, *(v for v in history if is_id(v))] if isinstance(history, list) else [post_id]


def _references(post: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = post.get("referenced_tweets")
    if not isinstance(listed, list):
        return []
    return [(str(r.get("type")), r["id"]) for r in listed if isinstance(r, dict) and is_id(r.get("id"))]


def _created_at(post: Mapping[str, Any]) -> datetime:
    value = post.get("created_at")
    if not isinstance(value, str):
        raise PostError('"created_at" is missing')
    try:
        return moment_of(value)
    except ValueError as error:
        raise PostError(f'"created_at" {error}') from error


def author_of(author_id: str, includes: Includes) -> Author:
    user = includes.users.get(author_id, {})
    handle, name = user.get("username"), user.get("name")
    return Author(
        author_id,
        # A suspended author is left out of the includes: the post still counts.
        mend(handle) if isinstance(handle, str) and handle else author_id,
        mend(name) if isinstance(name, str) else "",
    )


def _replyable(
    mentioned: bool, references: list[tuple[str, str]], includes: Includes, account_id: str
) -> Replyable:
    """X accepts an app's reply only where the author summoned the account (rule of 2026-02-23)."""
    quoted = any(
        kind == "quoted" and includes.posts.get(ref, {}).get("author_id") == account_id
        for kind, ref in references
    )
    return Replyable() if mentioned or quoted else Replyable(allowed=False, reason=NOT_SUMMONED)


def _mentioned(post: Mapping[str, Any], text: str, account: XAccount, account_id: str) -> bool:
    note = post.get("note_tweet")
    for holder in (post, note if isinstance(note, dict) else {}):
        entities = holder.get("entities")
        listed = entities.get("mentions") if isinstance(entities, dict) else None
        for mention in listed if isinstance(listed, list) else []:
            if isinstance(mention, dict) and (
                mention.get("id") == account_id
                or str(mention.get("username", "")).lower() == account.handle.lower()
            ):
                return True
    # Entities can be missing from a long post; the words themselves decide then.
    return re.search(rf"(?<![\w@])@{re.escape(account.handle)}\b", text, re.IGNORECASE) is not None
