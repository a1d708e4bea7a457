"""From the network's posts to mentions. Pure.

A post's id is its address, `at://` with the author's DID, the collection and the record key. It never
changes; handles do, so they are only shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.model.mention import Author, Mention, Replyable
from listener.platforms.bluesky.ids import is_cid, is_did, parts_of
from listener.text import language_of, mend, moment_of, web_address

SOURCE = "bluesky"
TEXT_LIMIT = 20_000
"""Characters; the network's own limit is 300 graphemes, which no honest post comes near to with so many."""
_LINK = "app.bsky.richtext.facet#link"
_SCHEME = re.compile(r"\Ahttps?://(?:www\.)?", re.IGNORECASE)
_GATED = "The author lets only some people answer, and your account is not one of them. Listen only."
_BLOCKED = "The author has blocked your account. Listen only."
_BLOCKING = "Your account has blocked the author; a reply is possible only after that is lifted."


class PostError(ValueError):
    """The object is no post that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class View:
    """Through whose eyes a post is read."""

    brand: str
    did: str
    """The brand's own account."""


def to_mention(post: object, view: View, received_at: datetime) -> Mention:
    """A post as the network shows it (`app.bsky.feed.defs#postView`), as a mention. Raises PostError."""
    if not isinstance(post, dict):
        raise PostError("not a JSON object")
    parts = parts_of(post.get("uri"))
    if parts is None:
        raise PostError('"uri" is missing or no address of a post')
    if not is_cid(post.get("cid")):
        raise PostError('"cid" is missing or none')
    record = post.get("record")
    if not isinstance(record, dict):
        raise PostError('"record" is missing')
    did, key = parts
    parent, root = reply_of(record)
    from_brand = did == view.did
    return Mention(
        source=SOURCE,
        external_id=str(post["uri"]),
        conversation_id=root or str(post["uri"]),
        in_reply_to=parent,
        brand=view.brand,
        author=_author(post.get("author"), did),
        from_brand=from_brand,
        created_at=written_at(post),
        received_at=received_at,
        text=text_of(record, whole=not from_brand),
        language=_language(record),
        url=url_of(did, key),
        replyable=Replyable() if from_brand else replyable(post),
        automatic=_is_bot(post.get("author"), did) and not from_brand,
    )


def url_of(did: str, key: str) -> str:
    return f"https://bsky.app/profile/{did}/post/{key}"


def written_at(post: Mapping[str, Any]) -> datetime:
    """The earlier of what the author's program says and when the network saw it. Raises PostError.

    Programs may say any time: one that cannot be read, or lies ahead, counts for nothing.
    """
    said, seen = post.get("record"), post.get("indexedAt")
    try:
        seen_at = moment_of(str(seen))
    except ValueError as error:
        raise PostError(f'"indexedAt" {error}') from error
    created = said.get("createdAt") if isinstance(said, dict) else None
    try:
        return min(moment_of(str(created)), seen_at)
    except ValueError:
        return seen_at


def reply_of(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Addresses of the post that this one answers and of its thread's first post, where there are any."""
    reply = record.get("reply")
    if not isinstance(reply, dict):
        return None, None

    def address(name: str) -> str | None:
        named = reply.get(name)
        uri = named.get("uri") if isinstance(named, dict) else None
        return str(uri) if parts_of(uri) is not None else None

    parent = address("parent")
    return parent, address("root") or parent


def text_of(record: Mapping[str, Any], *, whole: bool = True) -> str:
    """The words of a post, its links written out. Raises PostError.

    With `whole`, the descriptions of pictures and the address of a card follow. The brand's own posts go
    without.
    """
    text = record.get("text")
    if not isinstance(text, str):
        raise PostError('"text" is missing')
    if len(text) > TEXT_LIMIT:
        raise PostError(f'"text" has {len(text):,} characters; the limit is {TEXT_LIMIT:,}')
    shown = mend(_with_links(text, record.get("facets"))).strip()
    extras = list(_embedded(record.get("embed"), shown))
    if whole or not shown:
        shown = "\n\n".join(part for part in (shown, "\n".join(extras)) if part)
    # An empty text would read as a post that was taken back.
    return shown or "(no words)"


def replyable(post: Mapping[str, Any]) -> Replyable:
    """Everybody may answer, except where the author has said otherwise."""
    author = post.get("author")
    seen_by_us = author.get("viewer") if isinstance(author, dict) else None
    if isinstance(seen_by_us, dict):
        if seen_by_us.get("blockedBy") is True:
            return Replyable(allowed=False, reason=_BLOCKED)
        if seen_by_us.get("blocking"):
            return Replyable(allowed=False, reason=_BLOCKING)
    viewer = post.get("viewer")
    if isinstance(viewer, dict) and viewer.get("replyDisabled") is True:
        return Replyable(allowed=False, reason=_GATED)
    return Replyable()


def _with_links(text: str, facets: object) -> str:
    """With whole addresses where a program has shown them cut short or behind other words."""
    raw = text.encode("utf-8", "surrogatepass")
    parts: list[bytes] = []
    at = 0
    for begin, end, link in sorted(_links(facets)):
        if begin < at or end > len(raw):
            continue
        try:
            words = raw[begin:end].decode()
        except UnicodeDecodeError:  # it begins or ends inside a character
            continue
        parts += [raw[at:begin], _linked(words, link).encode()]
        at = end
    return b"".join((*parts, raw[at:])).decode("utf-8", "surrogatepass")


def _links(facets: object) -> Iterator[tuple[int, int, str]]:
    """Byte where it begins, byte behind its end, address."""
    for facet in facets[:100] if isinstance(facets, list) else ():
        index = facet.get("index") if isinstance(facet, dict) else None
        features = facet.get("features") if isinstance(facet, dict) else None
        if not isinstance(index, dict) or not isinstance(features, list):
            continue
        begin, end = index.get("byteStart"), index.get("byteEnd")
        for feature in features[:10]:
            if not isinstance(feature, dict) or feature.get("$type") != _LINK:
                continue
            uri = feature.get("uri")
            link = web_address(uri) if isinstance(uri, str) else None
            if link and type(begin) is int and type(end) is int and 0 <= begin < end:
                yield begin, end, link


def _linked(words: str, link: str) -> str:
    seen, meant = _SCHEME.sub("", words.strip()).rstrip("/"), _SCHEME.sub("", link).rstrip("/")
    if seen == meant:
        return words
    return link if meant.startswith(seen.rstrip("….").rstrip("/")) else f"{words} ({link})"


def _embedded(embed: object, text: str) -> Iterator[str]:
    """Pictures and films by their descriptions, cards by their address."""
    if not isinstance(embed, dict):
        return
    if isinstance(embed.get("media"), dict):
        yield from _embedded(embed["media"], text)
    images = embed.get("images")
    for image in images[:16] if isinstance(images, list) else ():
        yield _described("image", image.get("alt") if isinstance(image, dict) else None)
    if embed.get("$type") == "app.bsky.embed.video":
        yield _described("video", embed.get("alt"))
    card = embed.get("external")
    if isinstance(card, dict) and isinstance(card.get("uri"), str):
        address, title = web_address(card["uri"]), card.get("title")
        if address is not None and address not in text:
            yield _described("link", f"{title} {address}" if isinstance(title, str) else address)


def _described(kind: str, words: object) -> str:
    said = mend(words).strip()[:2_000] if isinstance(words, str) else ""
    return f"[{kind}: {said}]" if said else f"[{kind}]"


def _author(author: object, did: str) -> Author:
    fields = author if isinstance(author, dict) else {}
    if not is_did(fields.get("did")) or fields["did"] != did:
        raise PostError('"author" is missing or another one than the address names')
    handle, name = fields.get("handle"), fields.get("displayName")
    usable = isinstance(handle, str) and handle.isprintable() and 0 < len(handle) <= 300
    # A handle that does not lead back to its account is sent as "handle.invalid".
    shown = str(handle) if usable and handle != "handle.invalid" else did
    return Author(did, shown, mend(name).strip()[:500] if isinstance(name, str) else "")


def _language(record: Mapping[str, Any]) -> str | None:
    langs = record.get("langs")
    first = langs[0] if isinstance(langs, list) and langs else None
    return language_of(first) if isinstance(first, str) else None


def _is_bot(author: object, did: str) -> bool:
    """Whether the account calls itself a bot; what others call it counts for nothing."""
    labels = author.get("labels") if isinstance(author, dict) else None
    return any(
        isinstance(label, dict)
        and label.get("val") == "bot"
        and label.get("src") == did
        and not label.get("neg")
        for label in (labels if isinstance(labels, list) else [])
    )
